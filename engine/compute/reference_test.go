package compute

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/gomlx/compute"

	"sftui/engine/device"
)

// reference returns the folder of reference answers, or skips.
func reference(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("SFTUI_REFERENCE")
	if dir == "" {
		t.Skip("SFTUI_REFERENCE is not set")
	}
	return dir
}

// openDevice opens the device that tests run on: XLA's CPU plugin where it is, else pure Go.
func openDevice(t testing.TB) *device.Device {
	t.Helper()
	kind := device.CPU
	if os.Getenv("PJRT_PLUGIN_LIBRARY_PATH") == "" {
		kind = device.Go
	}
	d, err := device.Open(context.Background(), kind, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

func openSession(t testing.TB, c Config) *Session {
	t.Helper()
	s, err := Open(openDevice(t), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func readJSON(t testing.TB, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// batchJSON is a batch as the reference files spell it.
type batchJSON struct {
	InputIDs      [][]int32 `json:"input_ids"`
	Labels        [][]int32 `json:"labels"`
	AttentionMask [][]int32 `json:"attention_mask"`
}

func (b batchJSON) batch() Batch {
	return Batch{InputIDs: b.InputIDs, Labels: b.Labels, AttentionMask: b.AttentionMask}
}

// tinyReference is train/tiny_*.json.
type tinyReference struct {
	LongIDs       []int32     `json:"long_input_ids"`
	LongLoss      float64     `json:"long_loss"`
	LongFirst8    [][]float64 `json:"long_first8"`
	LongArgmax    []int       `json:"long_argmax"`
	LongLogSumExp []float64   `json:"long_logsumexp"`
	Batch         batchJSON   `json:"batch"`
	BatchLoss     float64     `json:"batch_loss"`
	AdamW         struct {
		LR          float64     `json:"lr"`
		WeightDecay float64     `json:"weight_decay"`
		MaxGradNorm float64     `json:"max_grad_norm"`
		Batches     []batchJSON `json:"batches"`
		Steps       []struct {
			Batch    int                `json:"batch"`
			Loss     float64            `json:"loss"`
			GradNorm float64            `json:"grad_norm"`
			ByWeight map[string]float64 `json:"param_grad_norms"`
		} `json:"steps"`
		NormsAfter map[string]float64 `json:"param_norms_after"`
	} `json:"adamw"`
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > tolerance {
		t.Errorf("%s: got %.7g, want %.7g (±%g)", what, got, want, tolerance)
	}
}

// TestTinyLogits compares logits with transformers' at every position, llama3 rope scaling included.
func TestTinyLogits(t *testing.T) {
	for _, name := range []string{"llama", "qwen2"} {
		t.Run(name, func(t *testing.T) {
			var want tinyReference
			readJSON(t, filepath.Join(reference(t), "train", "tiny_"+name+".json"), &want)
			s := openSession(t, Config{ModelDir: filepath.Join(reference(t), "models", "tiny-"+name), Inference: true})
			logitsNear(t, s, want.LongIDs, want.LongFirst8, want.LongLogSumExp, 1e-4)
		})
	}
}

// logitsNear compares the first logits of each position and the logarithm of the sum of all their exponentials.
func logitsNear(t *testing.T, s *Session, ids []int32, first [][]float64, logSumExp []float64, tolerance float64) {
	t.Helper()
	logits, err := s.Logits(ids)
	if err != nil {
		t.Fatal(err)
	}
	if len(logits) != len(ids) || len(first) != len(ids) {
		t.Fatalf("logits of %d positions, answers for %d, want %d", len(logits), len(first), len(ids))
	}
	worst := 0.0
	for i, row := range logits {
		for j, w := range first[i] {
			worst = max(worst, math.Abs(float64(row[j])-w))
		}
		worst = max(worst, math.Abs(LogSumExp(row)-logSumExp[i]))
	}
	near(t, "worst logit difference", worst, 0, tolerance)
}

// TestTinySteps replays five AdamW steps, with weight decay on all weights, in both ways of going back.
func TestTinySteps(t *testing.T) {
	for _, name := range []string{"llama", "qwen2"} {
		for _, checkpointing := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s checkpointing=%v", name, checkpointing), func(t *testing.T) {
				var want tinyReference
				readJSON(t, filepath.Join(reference(t), "train", "tiny_"+name+".json"), &want)
				s := openSession(t, Config{
					ModelDir:              filepath.Join(reference(t), "models", "tiny-"+name),
					GradientCheckpointing: checkpointing,
					Optimizer:             OptimizerConfig{WeightDecay: want.AdamW.WeightDecay, DecayAll: true},
				})
				replayTiny(t, s, want)
			})
		}
	}
}

func replayTiny(t *testing.T, s *Session, want tinyReference) {
	for i, step := range want.AdamW.Steps {
		m, err := s.Micro(want.AdamW.Batches[step.Batch].batch())
		if err != nil {
			t.Fatal(err)
		}
		near(t, fmt.Sprintf("loss of step %d", i+1), m.LossSum/float64(m.Trained), step.Loss, 1e-4)
		for _, w := range s.trained() {
			if norm, ok := step.ByWeight[w.name]; ok {
				near(t, "gradient of "+w.name, bufferNorm(t, w, w.grad)/float64(m.Trained), norm, 1e-3*norm)
			}
		}
		done, err := s.Step(want.AdamW.LR, want.AdamW.MaxGradNorm, m.Trained)
		if err != nil {
			t.Fatal(err)
		}
		near(t, fmt.Sprintf("grad norm of step %d", i+1), done.GradNorm, step.GradNorm, 1e-3*step.GradNorm)
	}
	for _, w := range s.trained() {
		near(t, "norm of "+w.name, bufferNorm(t, w, w.value), want.AdamW.NormsAfter[w.name], 1e-3)
	}
}

func bufferNorm(t *testing.T, w *weight, b compute.Buffer) float64 {
	t.Helper()
	values, err := download(b, w.elements())
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, v := range values {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum)
}
