package compute

import (
	"fmt"
	"path/filepath"
	"testing"

	"sftui/engine/model"
)

// fixture is testdata/NAME/answers.json: what transformers 5.23 answered for the seeded random model beside it.
type fixture struct {
	IDs        []int32            `json:"ids"`
	Loss       float64            `json:"loss"`
	First8     [][]float64        `json:"first8"`
	LogSumExp  []float64          `json:"logsumexp"`
	Batch      batchJSON          `json:"batch"`
	Decayed    []string           `json:"decayed"`
	GradNorms  map[string]float64 `json:"grad_norms"` // of step 1, before clipping
	NormsAfter map[string]float64 `json:"norms_after"`
	Steps      []struct {
		Loss     float64 `json:"loss"`
		GradNorm float64 `json:"grad_norm"`
	} `json:"steps"`
}

// fixtures cover what the reference does not: Qwen3, Mistral's and Qwen2's windows, Gemma 3, linear and yarn rope
// scaling, biases everywhere.
func fixtures() []string {
	return []string{"qwen3", "mistral", "gemma3", "llama_linear", "qwen2_yarn"}
}

func TestFixtureLogits(t *testing.T) {
	for _, name := range fixtures() {
		t.Run(name, func(t *testing.T) {
			var want fixture
			dir := filepath.Join("testdata", name)
			readJSON(t, filepath.Join(dir, "answers.json"), &want)
			s := openSession(t, Config{ModelDir: dir, Inference: true})
			logitsNear(t, s, want.IDs, want.First8, want.LogSumExp, 2e-5)
			m, err := s.Eval(Batch{InputIDs: [][]int32{want.IDs}, Labels: [][]int32{want.IDs}})
			if err != nil {
				t.Fatal(err)
			}
			near(t, "loss", m.LossSum/float64(m.Trained), want.Loss, 1e-5)
		})
	}
}

// TestFixtureSteps takes three AdamW steps with weight decay where the trainer decays, in both ways of going back.
func TestFixtureSteps(t *testing.T) {
	for _, name := range fixtures() {
		for _, checkpointing := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s checkpointing=%v", name, checkpointing), func(t *testing.T) {
				var want fixture
				dir := filepath.Join("testdata", name)
				readJSON(t, filepath.Join(dir, "answers.json"), &want)
				s := openSession(t, Config{
					ModelDir: dir, GradientCheckpointing: checkpointing, Optimizer: OptimizerConfig{WeightDecay: 0.1},
				})
				replayFixture(t, s, want)
			})
		}
	}
}

func replayFixture(t *testing.T, s *Session, want fixture) {
	for i, step := range want.Steps {
		m := mustMicro(t, s, want.Batch.batch())
		near(t, fmt.Sprintf("loss of step %d", i+1), m.LossSum/float64(m.Trained), step.Loss, 5e-5)
		if i == 0 {
			for _, w := range s.trained() {
				norm := want.GradNorms[w.name]
				near(t, "gradient of "+w.name, bufferNorm(t, w, w.grad)/float64(m.Trained), norm, 2e-4*norm+1e-6)
			}
		}
		done := mustStep(t, s, 1e-2, m.Trained)
		relative(t, fmt.Sprintf("grad norm of step %d", i+1), done.GradNorm, step.GradNorm, 1e-3)
	}
	for _, w := range s.trained() {
		near(t, "norm of "+w.name, bufferNorm(t, w, w.value), want.NormsAfter[w.name], 2e-3)
	}
}

// TestDecayRule compares which weights decay with what the trainer says.
func TestDecayRule(t *testing.T) {
	for _, name := range fixtures() {
		var want fixture
		dir := filepath.Join("testdata", name)
		readJSON(t, filepath.Join(dir, "answers.json"), &want)
		decayed := map[string]bool{}
		for _, weight := range want.Decayed {
			decayed[weight] = true
		}
		m, err := model.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range m.Params() {
			if model.DecaysWeight(p.Name) != decayed[p.Name] {
				t.Errorf("%s: weight decay of %s is %v, want %v", name, p.Name, !decayed[p.Name], decayed[p.Name])
			}
		}
	}
}
