package compute

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// trainReference is train/train_*.json.
type trainReference struct {
	Config struct {
		LearningRate float64 `json:"learning_rate"`
		Accumulation int     `json:"gradient_accumulation_steps"`
		MaxLength    int     `json:"max_length"`
	} `json:"config"`
	Steps []struct {
		Loss         float64 `json:"loss"`
		GradNorm     float64 `json:"grad_norm"`
		LearningRate float64 `json:"learning_rate"`
		Trained      int64   `json:"num_items_in_batch"`
		Accuracy     float64 `json:"mean_token_accuracy"`
	} `json:"steps"`
}

// smolLM2 returns the default model's folder, or skips.
func smolLM2(t testing.TB) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skip(err)
	}
	dir := filepath.Join(cache, "sftui", "models", "SmolLM2-135M-Instruct")
	if _, err := os.Stat(filepath.Join(dir, "config.json")); err != nil {
		t.Skip("the default model is not set up")
	}
	return dir
}

// TestReplaySmolLM2 trains on TRL's own micro-batches and compares every step's loss and grad norm. It takes minutes.
func TestReplaySmolLM2(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for minutes")
	}
	for _, name := range []string{"train_f32", "train_gradient_checkpointing", "train_lora"} {
		t.Run(name, func(t *testing.T) {
			c := Config{ModelDir: smolLM2(t), GradientCheckpointing: name == "train_gradient_checkpointing"}
			if name == "train_lora" {
				c.LoRA = &LoRAConfig{R: 8, Alpha: 16, InitFrom: filepath.Join(reference(t), "train", "lora_init.safetensors")}
			}
			replay(t, name, c)
		})
	}
}

func replay(t *testing.T, name string, c Config) {
	var want trainReference
	readJSON(t, filepath.Join(reference(t), "train", name+".json"), &want)
	batches := trainBatches(t)
	c.MaxLength = want.Config.MaxLength
	start := time.Now()
	dev := openDevice(t)
	s, err := Open(dev, c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	t.Logf("open: %.1f s", time.Since(start).Seconds())
	for i, step := range want.Steps {
		begin := time.Now()
		var loss float64
		var positions, correct int64
		for _, b := range batches[i*want.Config.Accumulation : (i+1)*want.Config.Accumulation] {
			m, err := s.Micro(b)
			if err != nil {
				t.Fatal(err)
			}
			loss += m.LossSum
			positions += m.Positions
			correct += m.Correct
		}
		done, err := s.Step(step.LearningRate, 1, step.Trained)
		if err != nil {
			t.Fatal(err)
		}
		near(t, fmt.Sprintf("loss of step %d", i+1), loss/float64(step.Trained), step.Loss, 1e-3)
		near(t, fmt.Sprintf("grad norm of step %d", i+1), done.GradNorm, step.GradNorm, 0.01*step.GradNorm)
		t.Logf("step %d: loss %.6f (%.6f) grad norm %.5f (%.5f) %d positions, %.2f s", i+1, loss/float64(step.Trained), step.Loss,
			done.GradNorm, step.GradNorm, positions, time.Since(begin).Seconds())
	}
	st := s.Stats()
	r := dev.Memory()
	t.Logf("%d executables, %.1f s of compilation, shapes %v, memory %+v, RSS %d MiB, peak %d MiB",
		st.Executables, st.CompileSeconds, st.Shapes, st.Memory, r.RSS>>20, r.Peak>>20)
}

// trainBatches reads train/train_batches.json.
func trainBatches(t testing.TB) []Batch {
	var file []batchJSON
	readJSON(t, filepath.Join(os.Getenv("SFTUI_REFERENCE"), "train", "train_batches.json"), &file)
	var out []Batch
	for _, b := range file {
		out = append(out, b.batch())
	}
	return out
}
