package engine

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sftui/dataset"
	"sftui/engine/model"
	"sftui/engine/weights"
)

// cloneFixture is a model folder with weights and a tokenizer's folder with a
// chat template and one token that the model lacks.
func cloneFixture(t *testing.T) (f fixture, source string) {
	t.Helper()
	t.Setenv("SFTUI_CACHE", t.TempDir())
	f = newFixture(t, 4)
	writeJSON(t, filepath.Join(f.model, "config.json"), map[string]any{
		"architectures": []string{"LlamaForCausalLM"}, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
		"vocab_size": 62, "tie_word_embeddings": true, "eos_token_id": 1,
	})
	values := make([]float32, 62*8)
	for i := range values {
		values[i] = float32(i%7) / 7
	}
	tensors := func(yield func(weights.Tensor, func() ([]byte, error)) bool) {
		yield(weights.Tensor{Name: model.EmbedName, DType: weights.F32, Shape: []int{62, 8}}, func() ([]byte, error) { return weights.EncodeFloat32(values, weights.F32) })
	}
	if err := weights.WriteSafetensors(f.model, tensors, 0, nil); err != nil {
		t.Fatal(err)
	}
	source = filepath.Join(t.TempDir(), "source")
	if err := os.CopyFS(source, os.DirFS(f.model)); err != nil {
		t.Fatal(err)
	}
	writeJSON(t, filepath.Join(source, "tokenizer_config.json"), map[string]any{
		"eos_token": "<turn>", "chat_template": "{{ messages[0].content }}<turn>",
	})
	return f, source
}

// TestTrainedModel makes the resized model once, and again where it was lost;
// preparing with it or with the model that it came from is the same.
func TestTrainedModel(t *testing.T) {
	f, source := cloneFixture(t)
	resolve := func(context.Context, string, string) (string, error) { return f.model, nil }
	r := f.recipe(t, "chat_template_path="+source)
	dir, err := TrainedModel(t.Context(), r, resolve)
	if err != nil || dir == f.model {
		t.Fatalf("%s (%v)", dir, err)
	}
	config, err := model.ReadConfig(dir)
	if err != nil || config.VocabSize != 64 {
		t.Errorf("the config has %v (%v)", config, err)
	}
	mark, err := modelFingerprint(dir)
	if err != nil {
		t.Fatal(err)
	}
	var prints []string
	for _, folder := range []string{f.model, dir} {
		tok, err := OpenTokenizer(folder, r)
		if err != nil {
			t.Fatal(err)
		}
		if eos, id := tok.EOS(); eos != "<turn>" || id != 62 {
			t.Errorf("%s ends at %q (%d)", folder, eos, id)
		}
		prints = append(prints, tok.Fingerprint())
		if err := tok.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if prints[0] != prints[1] {
		t.Error("the rows prepared for the workbench would not serve training")
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	again, err := TrainedModel(t.Context(), r, resolve)
	if err != nil || again != dir {
		t.Fatalf("%s (%v)", again, err)
	}
	if now, err := modelFingerprint(dir); err != nil || now != mark {
		t.Errorf("made again, the model is another (%v)", err)
	}
	tok, err := dataset.OpenTokenizer(dir) // as an export has it
	if err != nil {
		t.Fatal(err)
	}
	defer tok.Close() //nolint:errcheck // only read from
	if id, ok := tok.TokenID("<extra_id_0>"); !ok || id != 63 || tok.ChatTemplate() != "{{ messages[0].content }}<turn>" {
		t.Errorf("the folder's tokenizer: %d %q", id, tok.ChatTemplate())
	}
}

// TestTrainedModelAsItIs leaves a model alone that nothing changes, and refuses
// added tokens that an adapter would not train.
func TestTrainedModelAsItIs(t *testing.T) {
	f, source := cloneFixture(t)
	resolve := func(context.Context, string, string) (string, error) { return f.model, nil }
	file := filepath.Join(t.TempDir(), "chat.jinja")
	if err := os.WriteFile(file, []byte("{{ messages }}"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, option := range []string{"chat_template_path=" + file, "chat_template={{ messages }}"} {
		if dir, err := TrainedModel(t.Context(), f.recipe(t, option), resolve); err != nil || dir != f.model {
			t.Errorf("%s: %s (%v)", option, dir, err)
		}
	}
	options := []string{"chat_template_path=" + source, "use_peft=true"}
	if _, err := TrainedModel(t.Context(), f.recipe(t, options...), resolve); err == nil || !strings.Contains(err.Error(), "set lora_modules_to_save to [embed_tokens, lm_head]") {
		t.Errorf("an adapter: %v", err)
	}
	options = append(options, "lora_modules_to_save=[embed_tokens, lm_head]")
	if dir, err := TrainedModel(t.Context(), f.recipe(t, options...), resolve); err != nil || dir == f.model {
		t.Errorf("an adapter with embedding and head: %s (%v)", dir, err)
	}
}
