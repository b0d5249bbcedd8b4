package compute

import (
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sftui/engine/model"
	"sftui/engine/weights"
)

// tiedFixture is a model whose head is its embedding.
const tiedFixture = "llama_linear"

// rewritten is a copy of tiedFixture's folder with its config.json and tensors changed.
func rewritten(t *testing.T, config func(text string) string, tensors func(all map[string][]float32)) string {
	t.Helper()
	from, dir := filepath.Join("testdata", tiedFixture), t.TempDir()
	text, err := os.ReadFile(filepath.Join(from, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config(string(text))), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := weights.OpenSafetensors(from)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // opened for reading only
	all, shapes := map[string][]float32{}, map[string][]int{}
	for _, name := range c.Names() {
		info, _ := c.Info(name)
		shapes[name] = info.Shape
		if all[name], err = c.Float32(name); err != nil {
			t.Fatal(err)
		}
	}
	shapes[model.HeadName] = shapes[model.EmbedName]
	tensors(all)
	var write iter.Seq2[weights.Tensor, func() ([]byte, error)] = func(yield func(weights.Tensor, func() ([]byte, error)) bool) {
		for name, values := range all {
			shape := shapes[name]
			if shape == nil {
				shape = shapes["model."+name]
			}
			if shape == nil {
				shape = []int{len(values)}
			}
			tensor := weights.Tensor{Name: name, DType: weights.F32, Shape: shape}
			if !yield(tensor, func() ([]byte, error) { return weights.EncodeFloat32(values, weights.F32) }) {
				return
			}
		}
	}
	if err := weights.WriteSafetensors(dir, write, 1<<30, nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

// upProjection is a matrix of tiedFixture.
const upProjection = "model.layers.0.mlp.up_proj.weight"

func asItIs(text string) string { return text }

func untied(text string) string {
	return strings.Replace(text, `"tie_word_embeddings": true`, `"tie_word_embeddings": false`, 1)
}

// otherHead gives the model a head that is not its embedding.
func otherHead(all map[string][]float32) {
	head := slices.Clone(all[model.EmbedName])
	slices.Reverse(head)
	all[model.HeadName] = head
}

func logitsOf(t *testing.T, dir string) []float32 {
	t.Helper()
	s := openSession(t, Config{ModelDir: dir, Inference: true})
	rows, err := s.Logits([]int32{3, 1, 4, 1, 5})
	if err != nil {
		t.Fatal(err)
	}
	return slices.Concat(rows...)
}

// TestHowWeightsAreNamed: a tied model may be saved with either name, with both, or without its head's prefix; two
// tensors that differ are two although config.json ties them.
func TestHowWeightsAreNamed(t *testing.T) {
	plain := logitsOf(t, filepath.Join("testdata", tiedFixture))
	parted := logitsOf(t, rewritten(t, untied, otherHead))
	if slices.Equal(plain, parted) {
		t.Fatal("the other head changes nothing")
	}
	for name, c := range map[string]struct {
		tensors func(all map[string][]float32)
		want    []float32
	}{
		"both": {func(all map[string][]float32) { all[model.HeadName] = all[model.EmbedName] }, plain},
		"the head's name": {func(all map[string][]float32) {
			all[model.HeadName] = all[model.EmbedName]
			delete(all, model.EmbedName)
		}, plain},
		"no prefix": {func(all map[string][]float32) {
			for _, name := range []string{model.EmbedName, model.NormName} {
				all[strings.TrimPrefix(name, "model.")] = all[name]
				delete(all, name)
			}
		}, plain},
		"two that differ": {otherHead, parted},
	} {
		if !slices.Equal(logitsOf(t, rewritten(t, asItIs, c.tensors)), c.want) {
			t.Errorf("%s: other logits", name)
		}
	}
}

// TestPartedHeadIsExported: what config.json ties and the weights do not is written as two, and config.json says so.
func TestPartedHeadIsExported(t *testing.T) {
	dir := rewritten(t, asItIs, otherHead)
	s := openSession(t, Config{ModelDir: dir})
	out := t.TempDir()
	if err := s.Export(out, ExportOptions{}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(out, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), `"tie_word_embeddings": false`) {
		t.Errorf("the exported config.json ties what differs:\n%s", text)
	}
	if !slices.Equal(logitsOf(t, out), logitsOf(t, dir)) {
		t.Error("the export has other logits")
	}
}

// TestRefusedToOpen: what would be computed otherwise than in transformers is named by its key, also where only the
// headers of the weights are read.
func TestRefusedToOpen(t *testing.T) {
	dropout := func(text string) string {
		return strings.Replace(text, `"attention_dropout": 0.0`, `"attention_dropout": 0.1`, 1)
	}
	for name, c := range map[string]struct {
		config  func(text string) string
		tensors func(all map[string][]float32)
		says    string
	}{
		"no head":      {untied, func(map[string][]float32) {}, `"tie_word_embeddings": true`},
		"no embedding": {untied, func(all map[string][]float32) { otherHead(all); delete(all, model.EmbedName) }, model.EmbedName},
		"dropout":      {dropout, func(map[string][]float32) {}, "attention_dropout"},
		"a hole":       {asItIs, func(all map[string][]float32) { delete(all, upProjection) }, "lack " + upProjection},
		"other sizes": {func(text string) string {
			return strings.Replace(text, `"intermediate_size": `, `"intermediate_size": 1`, 1)
		}, func(map[string][]float32) {}, "config.json says"},
		"an architecture": {func(text string) string { return strings.ReplaceAll(text, "LlamaForCausalLM", "GPT2LMHeadModel") },
			func(map[string][]float32) {}, "GPT2LMHeadModel is not supported"},
	} {
		dir := rewritten(t, c.config, c.tensors)
		s, err := Open(openDevice(t), Config{ModelDir: dir})
		if err == nil {
			s.Close()
			t.Errorf("%s was accepted", name)
		} else if !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: the error %q does not say %q", name, err, c.says)
		}
		if _, checked := CheckModel(dir); checked == nil || err == nil || checked.Error() != err.Error() {
			t.Errorf("%s: the check says %v, opening %v", name, checked, err)
		}
	}
	s, err := Open(openDevice(t), Config{ModelDir: rewritten(t, dropout, func(map[string][]float32) {}), Inference: true})
	if err != nil {
		t.Fatalf("dropout matters in training alone: %v", err)
	}
	s.Close()
}

// TestUnusedWeights: tensors that the model has no place for are named, but not those that old files have.
func TestUnusedWeights(t *testing.T) {
	const extra = "model.layers.0.self_attn.q_norm.weight"
	dir := rewritten(t, asItIs, func(all map[string][]float32) {
		all[model.HeadName] = all[model.EmbedName]
		all[extra], all["model.layers.0.self_attn.rotary_emb.inv_freq"] = []float32{1}, []float32{1}
	})
	unused, err := CheckModel(dir)
	if err != nil || !slices.Equal(unused, []string{extra}) {
		t.Errorf("unused are %q (%v), want %s alone", unused, err, extra)
	}
}
