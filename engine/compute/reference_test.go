package compute

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

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
			Loss     float64 `json:"loss"`
			GradNorm float64 `json:"grad_norm"`
		} `json:"steps"`
		Losses    []float64 `json:"losses"`
		GradNorms []float64 `json:"grad_norms"`
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
			logits, err := s.Logits(want.LongIDs)
			if err != nil {
				t.Fatal(err)
			}
			worst := 0.0
			for i, row := range logits {
				for j, w := range want.LongFirst8[i] {
					worst = max(worst, math.Abs(float64(row[j])-w))
				}
				worst = max(worst, math.Abs(LogSumExp(row)-want.LongLogSumExp[i]))
			}
			near(t, "worst logit difference", worst, 0, 1e-4)
		})
	}
}
