package engine

import (
	"cmp"
	"slices"
	"testing"

	"sftui/recipes"
)

// TestLoRATargets holds the default to PEFT's table for the model types that are trained.
func TestLoRATargets(t *testing.T) {
	for value, want := range map[string][]string{
		"null":           {"q_proj", "v_proj"},
		"all-linear":     {"all-linear"},
		"[k_proj, down]": {"k_proj", "down"},
	} {
		r := recipes.Default()
		if err := r.Override([]string{"use_peft=true", "lora_target_modules=" + value}); err != nil {
			t.Fatal(err)
		}
		if got := ComputeConfig(r, "").LoRA.TargetModules; !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", value, got, want)
		}
	}
}

// TestProductFormat holds what the engine computes in to what the recipe says of itself.
func TestProductFormat(t *testing.T) {
	for _, c := range []struct {
		options   []string
		gpu, cpu  string
		bf16OnCPU bool
	}{
		{nil, "bfloat16", "float32", false},
		{[]string{"bf16=true"}, "bfloat16", "bfloat16", true},
		{[]string{"bf16=false"}, "float32", "float32", false},
		{[]string{"fp16=true"}, "float32", "float32", false},
		{[]string{"dtype=bfloat16"}, "bfloat16", "bfloat16", true},
		{[]string{"dtype=bfloat16", "bf16=false"}, "bfloat16", "bfloat16", true},
	} {
		r := recipes.Default()
		if err := r.Override(append(c.options, "device=cuda")); err != nil {
			t.Fatal(err)
		}
		format := ComputeConfig(r, "").DType
		if got := cmp.Or(format, defaultType("cuda")); got != c.gpu || r.ComputesBf16() != (got == "bfloat16") {
			t.Errorf("%v: %s on a GPU, the recipe says bfloat16: %v", c.options, got, r.ComputesBf16())
		}
		if err := r.Override([]string{"device=cpu"}); err != nil {
			t.Fatal(err)
		}
		if got := cmp.Or(format, defaultType("cpu")); got != c.cpu || r.ComputesBf16() != c.bf16OnCPU {
			t.Errorf("%v: %s on a CPU, the recipe says bfloat16: %v", c.options, got, r.ComputesBf16())
		}
	}
}
