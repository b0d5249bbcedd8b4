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

// What the recipe's checks let through as optim_args, the engine takes, and the other way round.
func TestOptimizerArgsOfRecipes(t *testing.T) {
	keys := []string{"momentum", "dampening", "nesterov", "weight_decay", "lr_decay", "eps", "alpha", "centered", "beta1", "beta2", "beta3", "initial_accumulator_value"}
	for _, optim := range []string{"sgd", "adagrad", "rmsprop", "ademamix", "paged_ademamix_32bit"} {
		for _, key := range keys {
			r := recipes.Default()
			r.Optim, r.OptimArgs = optim, key+"=0"
			clash := slices.ContainsFunc(r.Conflicts(), func(c recipes.Conflict) bool { return c.ID == "optimizer-args" })
			c := ComputeConfig(r, t.TempDir())
			if err := c.Optimizer.Check(); (err != nil) != clash {
				t.Errorf("%s %s=0: a conflict is %v, the engine says %v", optim, key, clash, err)
			}
		}
	}
}

// Where the evaluations set the learning rate or the order of the rows, a resumed run cannot change them.
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
	saved, now = recipes.Default(), recipes.Default()
	saved.EvalStrategy, now.EvalStrategy = "steps", "steps"
	now.LoggingSteps = 7
	if err := checkRecipe(saved, now); err != nil {
		t.Errorf("logging_steps of rows in random order: %v", err)
	}
	saved.TrainSamplingStrategy, now.TrainSamplingStrategy = groupByLength, groupByLength
	if err := checkRecipe(saved, now); err == nil || !strings.Contains(err.Error(), "logging_steps") {
		t.Errorf("logging_steps that evaluations follow, of rows in order of length: %v", err)
	}
	saved.EvalSteps, now.EvalSteps = &every, &every
	if err := checkRecipe(saved, now); err != nil {
		t.Errorf("logging_steps beside eval_steps: %v", err)
	}
	now.EvalOnStart = true
	if err := checkRecipe(saved, now); err == nil || !strings.Contains(err.Error(), "eval_on_start") {
		t.Errorf("eval_on_start of rows in order of length: %v", err)
	}
}
