package engine

import (
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
