package engine

import (
	"slices"
	"strings"
	"testing"

	"sftui/engine/compute"
	"sftui/recipes"
)

// The recipe's checks know the same optimizers as the tensor engine.
func TestOptimizersOfRecipes(t *testing.T) {
	got := slices.Sorted(slices.Values(recipes.Optimizers()))
	if want := compute.OptimizerNames(); !slices.Equal(got, want) {
		t.Errorf("recipes know %q, the engine %q", got, want)
	}
}

// Where the evaluations set the learning rate, a resumed run cannot change them.
func TestAdaptiveScheduleFixesEvaluations(t *testing.T) {
	saved, now := recipes.Default(), recipes.Default()
	every := 5.0
	now.EvalSteps = &every
	if err := checkRecipe(saved, now); err != nil {
		t.Errorf("eval_steps of a linear schedule: %v", err)
	}
	saved.LrSchedulerType, now.LrSchedulerType = greedySchedule, greedySchedule
	if err := checkRecipe(saved, now); err == nil || !strings.Contains(err.Error(), "eval_steps") {
		t.Errorf("eval_steps of a greedy schedule: %v", err)
	}
}
