package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sftui/engine/run"
	"sftui/engine/weights"
)

// asSftui makes the test binary be sftui itself, so that tests can start,
// signal and kill a real process without building another binary.
const asSftui = "SFTUI_TEST_AS_SFTUI"

func TestMain(m *testing.M) {
	if os.Getenv(asSftui) != "" {
		os.Exit(Main(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// process is a started sftui.
type process struct {
	*exec.Cmd
	out, err bytes.Buffer
}

// start starts sftui with its runs in a folder of the test.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	p := &process{Cmd: exec.CommandContext(ctx, exe, args...)}
	p.Env = append(os.Environ(), asSftui+"=1", "XDG_DATA_HOME="+dataHome(t))
	p.Stdout, p.Stderr = &p.out, &p.err
	if err := p.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		p.Wait() //nolint:errcheck // it is over, one way or another
	})
	return p
}

func dataHome(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("sftui-test-%d", os.Getpid()))
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// sftui runs sftui to its end and returns its exit status and output.
func sftui(t *testing.T, args ...string) (status int, out, errText string) {
	t.Helper()
	p := start(t, args...)
	p.Wait() //nolint:errcheck // the status below says it
	return p.ProcessState.ExitCode(), p.out.String(), p.err.String()
}

// tiny is a model of a few thousand weights, drawn from a seed, and rows for it.
type tiny struct {
	model, data, recipe string
}

const tinyVocab = 64

func newTiny(t *testing.T) tiny {
	t.Helper()
	dir := t.TempDir()
	m := tiny{model: filepath.Join(dir, "model"), data: filepath.Join(dir, "data.jsonl"), recipe: filepath.Join(dir, "recipe.yaml")}
	if err := os.Mkdir(m.model, 0o755); err != nil {
		t.Fatal(err)
	}
	m.writeTokenizer(t)
	m.writeWeights(t)
	var rows strings.Builder
	for i := range 60 {
		words := make([]string, 2+i*5%17)
		for j := range words {
			words[j] = fmt.Sprintf("w%d", (i+j*7)%50)
		}
		fmt.Fprintf(&rows, "{\"text\": %q}\n", strings.Join(words, " "))
	}
	write(t, m.data, rows.String())
	write(t, m.recipe, fmt.Sprintf(`# a run that ends in seconds
model_name_or_path: %s
dataset_name: %s
learning_rate: 3.0e-3
lr_scheduler_type: cosine
warmup_steps: 3
per_device_train_batch_size: 2
gradient_accumulation_steps: 2
max_steps: 40
max_length: 32
logging_steps: 10
save_strategy: steps
save_steps: 5
save_total_limit: 2
device: go
`, m.model, m.data))
	return m
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (m tiny) writeTokenizer(t *testing.T) {
	t.Helper()
	vocab := map[string]int{"<unk>": 0, "<eos>": 1}
	for i := 2; i < tinyVocab; i++ {
		vocab[fmt.Sprintf("w%d", i-2)] = i
	}
	tokenizer, err := json.Marshal(map[string]any{
		"version": "1.0", "truncation": nil, "padding": nil, "normalizer": nil, "post_processor": nil, "decoder": nil,
		"added_tokens":  []any{map[string]any{"id": 1, "content": "<eos>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}},
		"pre_tokenizer": map[string]any{"type": "Whitespace"},
		"model":         map[string]any{"type": "WordLevel", "vocab": vocab, "unk_token": "<unk>"},
	})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(m.model, "tokenizer.json"), string(tokenizer))
	write(t, filepath.Join(m.model, "tokenizer_config.json"), `{"eos_token": "<eos>", "unk_token": "<unk>"}`)
}

func (m tiny) writeWeights(t *testing.T) {
	t.Helper()
	const hidden, inner, layers, heads, kv = 16, 32, 2, 4, 2
	write(t, filepath.Join(m.model, "config.json"), fmt.Sprintf(`{"architectures": ["LlamaForCausalLM"], "model_type": "llama",
		"hidden_size": %d, "intermediate_size": %d, "num_hidden_layers": %d, "num_attention_heads": %d, "num_key_value_heads": %d,
		"vocab_size": %d, "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "hidden_act": "silu", "rope_theta": 10000.0,
		"tie_word_embeddings": true, "torch_dtype": "float32"}`, hidden, inner, layers, heads, kv, tinyVocab))
	shapes := []weights.Tensor{{Name: "model.embed_tokens.weight", Shape: []int{tinyVocab, hidden}}, {Name: "model.norm.weight", Shape: []int{hidden}}}
	for i := range layers {
		prefix := fmt.Sprintf("model.layers.%d.", i)
		for name, shape := range map[string][]int{
			"self_attn.q_proj": {hidden, hidden}, "self_attn.k_proj": {hidden * kv / heads, hidden}, "self_attn.v_proj": {hidden * kv / heads, hidden},
			"self_attn.o_proj": {hidden, hidden}, "mlp.gate_proj": {inner, hidden}, "mlp.up_proj": {inner, hidden}, "mlp.down_proj": {hidden, inner},
			"input_layernorm": {hidden}, "post_attention_layernorm": {hidden},
		} {
			shapes = append(shapes, weights.Tensor{Name: prefix + name + ".weight", Shape: shape})
		}
	}
	var tensors iter.Seq2[weights.Tensor, func() ([]byte, error)] = func(yield func(weights.Tensor, func() ([]byte, error)) bool) {
		for _, s := range shapes {
			s.DType = weights.F32
			if !yield(s, func() ([]byte, error) { return weights.EncodeFloat32(drawn(s), weights.F32) }) {
				return
			}
		}
	}
	if err := weights.WriteSafetensors(m.model, tensors, 0, nil); err != nil {
		t.Fatal(err)
	}
}

// drawn draws a tensor's values from its name; norms are ones.
func drawn(s weights.Tensor) []float32 {
	seed := uint64(len(s.Name))
	for _, c := range s.Name {
		seed = seed*31 + uint64(c)
	}
	random := rand.New(rand.NewPCG(seed, 1))
	values := make([]float32, s.Elements())
	for i := range values {
		values[i] = 1
		if len(s.Shape) > 1 {
			values[i] = float32(random.NormFloat64() * 0.1)
		}
	}
	return values
}

// stepsOf reads the step events of a run and fails when one is missing or twice.
func stepsOf(t *testing.T, dir string) []run.Event {
	t.Helper()
	r, err := run.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	events, _, err := r.Events(0)
	if err != nil {
		t.Fatal(err)
	}
	var steps []run.Event
	for _, e := range events {
		if e.Kind != run.KindStep {
			continue
		}
		steps = append(steps, e)
		if e.Step != len(steps) {
			t.Fatalf("step %d is recorded where %d should be", e.Step, len(steps))
		}
	}
	return steps
}

// sameCurve compares the numbers of two runs to the last bit.
func sameCurve(t *testing.T, got, want []run.Event) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d steps, want %d", len(got), len(want))
	}
	for i := range want {
		g, w := &got[i], &want[i]
		if g.Loss != w.Loss || g.GradNorm != w.GradNorm || g.LearningRate != w.LearningRate || fmt.Sprint(g.RowIDs) != fmt.Sprint(w.RowIDs) {
			t.Fatalf("step %d: loss %v norm %v lr %v rows %v, want loss %v norm %v lr %v rows %v", i+1,
				g.Loss, g.GradNorm, g.LearningRate, g.RowIDs, w.Loss, w.GradNorm, w.LearningRate, w.RowIDs)
		}
	}
}
