package compute

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sftui/engine/model"
	"sftui/engine/weights"
)

// tinyModel writes a model of a few thousand weights, so that tests need neither a download nor the reference.
func tinyModel(t testing.TB, change func(config map[string]any)) string {
	t.Helper()
	config := map[string]any{
		"architectures": []string{"LlamaForCausalLM"}, "model_type": "llama", "hidden_size": 32, "intermediate_size": 48,
		"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "vocab_size": 97,
		"max_position_embeddings": 512, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu",
		"tie_word_embeddings": true, "torch_dtype": "float32",
	}
	if change != nil {
		change(config)
	}
	data, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := model.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(7, 7))
	tensors := func(yield func(weights.Tensor, func() ([]byte, error)) bool) {
		for _, p := range m.Params() {
			values := make([]float32, p.Elements())
			for i := range values {
				values[i] = float32(random.NormFloat64() * 0.15)
				if strings.Contains(p.Name, "norm") {
					values[i]++
				}
			}
			tensor := weights.Tensor{Name: p.Name, DType: weights.F32, Shape: p.Shape}
			if !yield(tensor, func() ([]byte, error) { return weights.EncodeFloat32(values, weights.F32) }) {
				return
			}
		}
	}
	if err := weights.WriteSafetensors(dir, tensors, 1<<30, nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

// unevenBatch has rows of different lengths, right padded, of ids below tinyModel's vocabulary.
func unevenBatch(seed uint64, lengths ...int) Batch {
	const vocabulary = 97
	random := rand.New(rand.NewPCG(seed, 1))
	longest := slices.Max(lengths)
	var b Batch
	for _, n := range lengths {
		ids, labels, mask := make([]int32, longest), make([]int32, longest), make([]int32, longest)
		for j := range ids {
			labels[j] = ignored
			if j < n {
				ids[j], mask[j] = random.Int32N(vocabulary), 1
				if random.IntN(4) > 0 {
					labels[j] = ids[j]
				}
			}
		}
		b.InputIDs, b.Labels, b.AttentionMask = append(b.InputIDs, ids), append(b.Labels, labels), append(b.AttentionMask, mask)
	}
	return b
}

func (b Batch) row(i int) Batch {
	return Batch{InputIDs: b.InputIDs[i : i+1], Labels: b.Labels[i : i+1], AttentionMask: b.AttentionMask[i : i+1]}
}

func mustMicro(t *testing.T, s *Session, b Batch) Micro {
	t.Helper()
	m, err := s.Micro(b)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func mustStep(t *testing.T, s *Session, lr float64, trained int64) Step {
	t.Helper()
	step, err := s.Step(lr, 1, trained)
	if err != nil {
		t.Fatal(err)
	}
	return step
}

func relative(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance*math.Abs(want)) {
		t.Errorf("%s: got %.9g, want %.9g", what, got, want)
	}
}

// TestAccumulationIsOneBatch splits a window of eight uneven rows in different ways.
func TestAccumulationIsOneBatch(t *testing.T) {
	dir := tinyModel(t, nil)
	whole := unevenBatch(3, 90, 5, 33, 64, 17, 80, 2, 51)
	s := openSession(t, Config{ModelDir: dir, GradientCheckpointing: true})
	one := mustMicro(t, s, whole)
	first := mustStep(t, s, 0, one.Trained)
	var sum Micro
	for i := range whole.InputIDs {
		m := mustMicro(t, s, whole.row(i))
		sum.LossSum += m.LossSum
		sum.Trained += m.Trained
		sum.Correct += m.Correct
		relative(t, "row loss", m.LossSum, one.RowLossSum[i], 1e-5)
	}
	second := mustStep(t, s, 0, sum.Trained)
	if sum.Trained != one.Trained || sum.Correct != one.Correct {
		t.Errorf("trained %d, correct %d; want %d and %d", sum.Trained, sum.Correct, one.Trained, one.Correct)
	}
	relative(t, "loss", sum.LossSum, one.LossSum, 1e-5)
	relative(t, "grad norm", second.GradNorm, first.GradNorm, 1e-5)
}

// architectures are changes to tinyModel's config, by architecture.
func architectures() map[string]func(map[string]any) {
	named := func(architecture, modelType string, more map[string]any) func(map[string]any) {
		return func(c map[string]any) {
			c["architectures"], c["model_type"] = []string{architecture}, modelType
			for key, value := range more {
				c[key] = value
			}
		}
	}
	return map[string]func(map[string]any){
		"llama":   nil,
		"qwen2":   named("Qwen2ForCausalLM", "qwen2", nil),
		"qwen3":   named("Qwen3ForCausalLM", "qwen3", map[string]any{"head_dim": 16}),
		"mistral": named("MistralForCausalLM", "mistral", map[string]any{"sliding_window": 16, "tie_word_embeddings": false}),
		"gemma3": named("Gemma3ForCausalLM", "gemma3_text", map[string]any{
			"hidden_activation": "gelu_pytorch_tanh", "sliding_window": 16, "rope_local_base_freq": 10000.0, "rope_theta": 1e6,
			"query_pre_attn_scalar": 8, "layer_types": []string{"sliding_attention", "full_attention"}}),
	}
}

// TestPackedSequencesNeverSeeEachOther changes one document of a packed row and looks at the other's loss.
func TestPackedSequencesNeverSeeEachOther(t *testing.T) {
	for name, change := range architectures() {
		t.Run(name, func(t *testing.T) {
			s := openSession(t, Config{ModelDir: tinyModel(t, change), Inference: true})
			random := rand.New(rand.NewPCG(9, 9))
			b := Batch{InputIDs: [][]int32{make([]int32, 100)}, Labels: [][]int32{make([]int32, 100)}, PositionIDs: [][]int32{make([]int32, 100)}}
			for j := range 100 {
				b.InputIDs[0][j] = random.Int32N(97)
				b.Labels[0][j] = b.InputIDs[0][j]
				b.PositionIDs[0][j] = int32(j % 40)
				if j%40 == 0 {
					b.Labels[0][j] = ignored
				}
			}
			before, err := s.Eval(b)
			if err != nil {
				t.Fatal(err)
			}
			for j := range 40 {
				b.InputIDs[0][j] = (b.InputIDs[0][j] + 5) % 97
			}
			after, err := s.Eval(b)
			if err != nil {
				t.Fatal(err)
			}
			if before.RowLossSum[0] == after.RowLossSum[0] {
				t.Error("the changed document has the same loss")
			}
			if before.RowLossSum[1] != after.RowLossSum[1] || before.RowLossSum[2] != after.RowLossSum[2] {
				t.Errorf("the other documents' losses moved: %v to %v", before.RowLossSum, after.RowLossSum)
			}
		})
	}
}

// TestBFloat16 stays near float32: the same model, products rounded to eight bits.
func TestBFloat16(t *testing.T) {
	dir := tinyModel(t, nil)
	b := unevenBatch(12, 40, 21)
	full := openSession(t, Config{ModelDir: dir})
	half := openSession(t, Config{ModelDir: dir, DType: "bfloat16"})
	for range 3 {
		want, got := mustMicro(t, full, b), mustMicro(t, half, b)
		relative(t, "loss", got.LossSum, want.LossSum, 0.01)
		relative(t, "grad norm", mustStep(t, half, 1e-2, got.Trained).GradNorm, mustStep(t, full, 1e-2, want.Trained).GradNorm, 0.03)
	}
}

// TestLabelSmoothing compares with the definition: (1-ε)·nll + ε·mean over the vocabulary of -log p.
func TestLabelSmoothing(t *testing.T) {
	dir := tinyModel(t, nil)
	ids := unevenBatch(13, 30).InputIDs
	logits, err := openSession(t, Config{ModelDir: dir, Inference: true}).Logits(ids[0])
	if err != nil {
		t.Fatal(err)
	}
	want := 0.0
	for i := range len(ids[0]) - 1 {
		lse, mean := LogSumExp(logits[i]), 0.0
		for _, v := range logits[i] {
			mean += float64(v) / float64(len(logits[i]))
		}
		want += 0.9*(lse-float64(logits[i][ids[0][i+1]])) + 0.1*(lse-mean)
	}
	s := openSession(t, Config{ModelDir: dir, LabelSmoothing: 0.1})
	m := mustMicro(t, s, Batch{InputIDs: ids, Labels: ids})
	relative(t, "smoothed loss", m.LossSum, want, 1e-5)
	before := m.LossSum
	for range 5 {
		mustStep(t, s, 1e-2, m.Trained)
		m = mustMicro(t, s, Batch{InputIDs: ids, Labels: ids})
	}
	if m.LossSum >= before {
		t.Errorf("five steps took the smoothed loss from %g to %g", before, m.LossSum)
	}
}

// TestStateIsExact goes on from a saved state in a new session and compares bit by bit.
func TestStateIsExact(t *testing.T) {
	dir, state := tinyModel(t, nil), t.TempDir()
	lora := &LoRAConfig{R: 4, Alpha: 8, Dropout: 0.1}
	for name, c := range map[string]Config{
		"full": {ModelDir: dir, NEFTuneAlpha: 5, Seed: 3},
		"lora": {ModelDir: dir, LoRA: lora, Seed: 3},
	} {
		t.Run(name, func(t *testing.T) {
			b := unevenBatch(6, 20, 60, 33)
			first := openSession(t, c)
			train := func(s *Session) (Micro, Step) {
				m := mustMicro(t, s, b)
				return m, mustStep(t, s, 1e-2, m.Trained)
			}
			train(first)
			train(first)
			if err := first.SaveState(state); err != nil {
				t.Fatal(err)
			}
			wantMicro, wantStep := train(first)
			second := openSession(t, c)
			if err := second.LoadState(state); err != nil {
				t.Fatal(err)
			}
			gotMicro, gotStep := train(second)
			if gotMicro.LossSum != wantMicro.LossSum || gotStep != wantStep {
				t.Errorf("after loading: loss %v, %+v; without interruption %v, %+v", gotMicro.LossSum, gotStep, wantMicro.LossSum, wantStep)
			}
			for i, w := range second.trained() {
				if !slices.Equal(bufferValues(t, w), bufferValues(t, first.trained()[i])) {
					t.Fatalf("%s differs after loading", w.name)
				}
			}
		})
	}
}

func bufferValues(t *testing.T, w *weight) []float32 {
	t.Helper()
	values, err := download(w.value, w.elements())
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func TestStateOfAnotherRunIsRefused(t *testing.T) {
	dir, state := tinyModel(t, nil), t.TempDir()
	full := openSession(t, Config{ModelDir: dir})
	if err := full.SaveState(state); err != nil {
		t.Fatal(err)
	}
	lora := openSession(t, Config{ModelDir: dir, LoRA: &LoRAConfig{R: 2, Alpha: 2}})
	if err := lora.LoadState(state); err == nil || !strings.Contains(err.Error(), "lora_A") {
		t.Errorf("a full state loaded into a LoRA run: %v", err)
	}
	if err := full.LoadState(t.TempDir()); err == nil {
		t.Error("an empty folder was loaded")
	}
}

// TestExportLoads trains, exports in several ways and opens what was written.
func TestExportLoads(t *testing.T) {
	dir := tinyModel(t, nil)
	companions := map[string]string{
		"generation_config.json": `{"temperature": 0.6}`, "tokenizer.json": `{ "as": "it is" }`, "chat_template.jinja": "one",
		filepath.Join(namedTemplates, "tool_use.jinja"): "two",
	}
	for name, text := range companions {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b := unevenBatch(8, 50, 31)
	for name, c := range map[string]Config{
		"full": {ModelDir: dir},
		"lora": {ModelDir: dir, LoRA: &LoRAConfig{R: 4, Alpha: 16}},
	} {
		t.Run(name, func(t *testing.T) {
			s := openSession(t, c)
			for range 3 {
				m := mustMicro(t, s, b)
				mustStep(t, s, 1e-2, m.Trained)
			}
			out := t.TempDir()
			if err := s.Export(out, ExportOptions{Merge: true}); err != nil {
				t.Fatal(err)
			}
			for name, text := range companions {
				if got, err := os.ReadFile(filepath.Join(out, name)); err != nil || string(got) != text {
					t.Errorf("%s is %q (%v), want %q", name, got, err, text)
				}
			}
			want, err := s.Logits(b.InputIDs[0])
			if err != nil {
				t.Fatal(err)
			}
			got, err := openSession(t, Config{ModelDir: out, Inference: true}).Logits(b.InputIDs[0])
			if err != nil {
				t.Fatal(err)
			}
			for i := range want {
				for j := range want[i] {
					near(t, "logit", float64(got[i][j]), float64(want[i][j]), 1e-5)
				}
			}
		})
	}
}

// TestAdapterGoesRound exports an adapter and starts from it.
func TestAdapterGoesRound(t *testing.T) {
	dir, out := tinyModel(t, nil), t.TempDir()
	b := unevenBatch(8, 50, 31)
	s := openSession(t, Config{ModelDir: dir, LoRA: &LoRAConfig{R: 4, Alpha: 16, TargetModules: []string{"q_proj", "down_proj"}}})
	for range 3 {
		m := mustMicro(t, s, b)
		mustStep(t, s, 1e-2, m.Trained)
	}
	if err := s.Export(out, ExportOptions{BaseModel: "base"}); err != nil {
		t.Fatal(err)
	}
	again := openSession(t, Config{ModelDir: dir, LoRA: &LoRAConfig{R: 4, Alpha: 16, TargetModules: []string{"q_proj", "down_proj"}, InitFrom: out}})
	want, err := s.Eval(b)
	if err != nil {
		t.Fatal(err)
	}
	got, err := again.Eval(b)
	if err != nil {
		t.Fatal(err)
	}
	if got.LossSum != want.LossSum {
		t.Errorf("loss with the exported adapter: %v, want %v", got.LossSum, want.LossSum)
	}
}

// TestGreedyReply compares a reply of the default model with transformers'.
func TestGreedyReply(t *testing.T) {
	if testing.Short() {
		t.Skip("opens the default model")
	}
	var want struct {
		Prompt []int32 `json:"prompt_ids"`
		Output []int32 `json:"output_ids"`
	}
	readJSON(t, filepath.Join(reference(t), "smollm2_greedy.json"), &want)
	s := openSession(t, Config{ModelDir: smolLM2(t), Inference: true})
	got := slices.Clone(want.Prompt)
	err := s.Generate(context.Background(), want.Prompt, GenerateOptions{MaxNewTokens: 40, StopIDs: []int32{2}}, func(id int32) { got = append(got, id) })
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want.Output) {
		t.Errorf("got  %v\nwant %v", got, want.Output)
	}
}

// TestNumbersThatAreNot poisons a weight: the step is refused and says so, and the state before stays.
func TestNumbersThatAreNot(t *testing.T) {
	s := openSession(t, Config{ModelDir: tinyModel(t, nil)})
	b := unevenBatch(2, 12)
	m := mustMicro(t, s, b)
	before := bufferValues(t, s.layers[0].base[1])
	poison := make([]float32, s.norm.elements())
	for i := range poison {
		poison[i] = float32(math.NaN())
	}
	free(s.norm.grad)
	var err error
	if s.norm.grad, err = s.uploadFloat(poison, s.norm.shape...); err != nil {
		t.Fatal(err)
	}
	step := mustStep(t, s, 1e-2, m.Trained)
	if !step.Skipped || !math.IsNaN(step.GradNorm) {
		t.Errorf("a gradient of NaN gave %+v", step)
	}
	if !slices.Equal(before, bufferValues(t, s.layers[0].base[1])) {
		t.Error("the weights moved")
	}
}

func TestSessionRefuses(t *testing.T) {
	dir := tinyModel(t, nil)
	dev := openDevice(t)
	for name, c := range map[string]struct {
		config Config
		says   string
	}{
		"no such folder":   {Config{ModelDir: filepath.Join(dir, "nowhere")}, "config.json"},
		"a type":           {Config{ModelDir: dir, DType: "int8"}, "int8"},
		"optim_args":       {Config{ModelDir: dir, Optimizer: OptimizerConfig{Name: "sgd", Args: "momentun=0.9"}}, "momentun"},
		"an optimizer":     {Config{ModelDir: dir, Optimizer: OptimizerConfig{Name: "lomo"}}, "lomo"},
		"modules":          {Config{ModelDir: dir, LoRA: &LoRAConfig{R: 1, Alpha: 1, TargetModules: []string{"nothing"}}}, "nothing"},
		"the head":         {Config{ModelDir: dir, LoRA: &LoRAConfig{R: 1, Alpha: 1, TargetModules: []string{"q_proj", "lm_head"}}}, "lora_modules_to_save"},
		"a pattern":        {Config{ModelDir: dir, LoRA: &LoRAConfig{R: 1, Alpha: 1, TargetModules: []string{"(?=q)q_proj"}}}, "pattern"},
		"a rank":           {Config{ModelDir: dir, LoRA: &LoRAConfig{}}, "lora_r"},
		"an architecture":  {Config{ModelDir: tinyModelNamed(t, dir, "FalconForCausalLM")}, "FalconForCausalLM"},
		"a missing tensor": {Config{ModelDir: tinyModelNamed(t, dir, "Qwen3ForCausalLM")}, "q_norm"},
	} {
		s, err := Open(dev, c.config)
		if err == nil {
			s.Close()
			t.Errorf("%s was not refused", name)
		} else if !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: the error %q does not name %q", name, err, c.says)
		}
	}
	s := openSession(t, Config{ModelDir: dir})
	if _, err := s.Micro(Batch{InputIDs: [][]int32{{1, 97}}}); err == nil || !strings.Contains(err.Error(), "97") {
		t.Errorf("an id outside the vocabulary: %v", err)
	}
}

// tinyModelNamed copies a model folder under another architecture.
func tinyModelNamed(t *testing.T, from, architecture string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"config.json", "model.safetensors"} {
		data, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		if name == "config.json" {
			data = []byte(strings.ReplaceAll(string(data), "LlamaForCausalLM", architecture))
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
