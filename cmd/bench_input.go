package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sftui/engine"
	"sftui/engine/compute"
	"sftui/engine/model"
	"sftui/engine/weights"
	"sftui/recipes"
)

// benchBatches reads micro-batches from a file in the format of --replay, or makes up as many as the steps need.
func benchBatches(path string, r *recipes.Recipe, info compute.Info, steps int) ([]compute.Batch, error) {
	if path == "" {
		return inventedBatches(r, info, steps*r.GradientAccumulationSteps), nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the micro-batches: %w", err)
	}
	var file []struct {
		InputIDs      [][]int32 `json:"input_ids"`
		Labels        [][]int32 `json:"labels"`
		AttentionMask [][]int32 `json:"attention_mask"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("%s holds no micro-batches: %w", path, err)
	}
	var batches []compute.Batch
	for _, b := range file {
		batches = append(batches, compute.Batch{InputIDs: b.InputIDs, Labels: b.Labels, AttentionMask: b.AttentionMask})
	}
	if len(batches) == 0 {
		return nil, fmt.Errorf("%s holds no micro-batches", path)
	}
	return batches, nil
}

// inventedBatches makes rows of random ids, between a quarter of max_length and all of it, each wholly trained on.
func inventedBatches(r *recipes.Recipe, info compute.Info, n int) []compute.Batch {
	random := rand.New(rand.NewPCG(uint64(r.Seed), 0))
	longest := rowLength(r)
	batches := make([]compute.Batch, n)
	for i := range batches {
		for range r.PerDeviceTrainBatchSize {
			length := longest
			if !r.Packing {
				length = longest/4 + random.IntN(longest-longest/4+1)
			}
			row := make([]int32, length)
			for j := range row {
				row[j] = int32(random.IntN(info.Vocabulary))
			}
			batches[i].InputIDs = append(batches[i].InputIDs, row)
			batches[i].Labels = append(batches[i].Labels, row)
		}
	}
	return batches
}

// rowLength is max_length, or TRL's default of it.
func rowLength(r *recipes.Recipe) int {
	if r.MaxLength != nil {
		return *r.MaxLength
	}
	return 1024
}

// randomShapes are configurations that can be measured without their weights: speed does not depend on them.
func randomShapes() map[string]map[string]any {
	qwen := func(hidden, intermediate, layers, heads, kv int) map[string]any {
		return map[string]any{
			"architectures": []string{"Qwen2ForCausalLM"}, "model_type": "qwen2", "hidden_size": hidden,
			"intermediate_size": intermediate, "num_hidden_layers": layers, "num_attention_heads": heads,
			"num_key_value_heads": kv, "vocab_size": 151936, "max_position_embeddings": 32768, "rms_norm_eps": 1e-6,
			"rope_theta": 1e6, "hidden_act": "silu", "tie_word_embeddings": true, "torch_dtype": "bfloat16",
		}
	}
	return map[string]map[string]any{
		"qwen2.5-0.5b": qwen(896, 4864, 24, 14, 2),
		"qwen2.5-1.5b": qwen(1536, 8960, 28, 12, 2),
		"tiny":         qwen(64, 128, 2, 4, 2), // to try bench/gpu.sh out where there is no GPU
	}
}

// benchModel finds the recipe's model, or makes one of a known shape in a temporary folder, where asked with random weights.
func benchModel(ctx context.Context, h engine.Host, shape string, r *recipes.Recipe, withWeights bool) (dir string, remove func(), err error) {
	remove = func() {}
	if shape == "" {
		dir, err = h.ResolveModel(ctx, r.ModelNameOrPath, "")
		return dir, remove, err
	}
	config := randomShapes()[shape]
	if config == nil {
		return "", remove, fmt.Errorf("--random knows %s, not %q", strings.Join(slices.Sorted(maps.Keys(randomShapes())), " and "), shape)
	}
	if dir, err = os.MkdirTemp("", "sftui-bench-"); err != nil {
		return "", remove, fmt.Errorf("make a model: %w", err)
	}
	remove = func() { _ = os.RemoveAll(dir) }
	if err = writeConfig(dir, config); err == nil && withWeights {
		err = writeRandomWeights(dir)
	}
	if err != nil {
		remove()
		return "", func() {}, fmt.Errorf("make a model: %w", err)
	}
	return dir, remove, nil
}

func writeConfig(dir string, config map[string]any) error {
	data, err := json.Marshal(config)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "config.json"), data, 0o600)
}

func writeRandomWeights(dir string) error {
	m, err := model.Open(dir)
	if err != nil {
		return err
	}
	// A million values repeat: drawing billions would take minutes, and speed is all that
	// is measured.
	random := rand.New(rand.NewPCG(1, 1))
	drawn := make([]float32, 1<<20-1)
	for i := range drawn {
		drawn[i] = float32(random.NormFloat64() * 0.02)
	}
	tensors := func(yield func(weights.Tensor, func() ([]byte, error)) bool) {
		for _, p := range m.Params() {
			values := func() ([]byte, error) {
				values := make([]float32, p.Elements())
				if len(p.Shape) == 1 && strings.Contains(p.Name, "norm") {
					for i := range values {
						values[i] = 1
					}
				} else {
					for rest := values; len(rest) > 0; {
						rest = rest[copy(rest, drawn):]
					}
				}
				return weights.EncodeFloat32(values, weights.BF16)
			}
			if !yield(weights.Tensor{Name: p.Name, DType: weights.BF16, Shape: p.Shape}, values) {
				return
			}
		}
	}
	return weights.WriteSafetensors(dir, tensors, 1<<40, nil)
}
