package engine

import (
	"fmt"
	"sort"
	"strconv"

	"sftui/engine/compute"
	"sftui/recipes"
)

// remedies lists the changes of a recipe that need less memory, the one that
// saves most first. Each is on its own, against the recipe as it is.
func (f *Forecaster) remedies(r *recipes.Recipe) ([]Remedy, error) {
	now, worst, err := f.Memory(r.PerDeviceTrainBatchSize)
	if err != nil {
		return nil, err
	}
	list := []Remedy{}
	add := func(m compute.Memory, effect string, set map[string]string) {
		if saves := now.Total() - m.Total(); saves > 0 {
			list = append(list, Remedy{Set: set, TotalBytes: m.Total(), SavesBytes: saves, Effect: effect})
		}
	}
	if micro := r.PerDeviceTrainBatchSize / 2; micro >= 1 {
		m, _, err := f.Memory(micro)
		if err != nil {
			return nil, err
		}
		add(m, "the same rows a step, in smaller pieces: same result, a little slower", map[string]string{
			keyMicroBatch:   strconv.Itoa(micro),
			keyAccumulation: strconv.Itoa(r.GradientAccumulationSteps * r.PerDeviceTrainBatchSize / micro),
		})
	}
	if limit := worst.Longest / 2; limit >= 1 && !r.Packing {
		w, err := f.Worst(r.PerDeviceTrainBatchSize, limit)
		if err != nil {
			return nil, err
		}
		add(Estimate(f.model, f.config, w.shape, f.cuda), fmt.Sprintf("cuts every row above %d tokens: what comes after is not trained on", limit),
			map[string]string{"max_length": strconv.Itoa(limit)})
	}
	with := func(change func(*compute.Config), effect string, set map[string]string) {
		c := f.config
		change(&c)
		add(Estimate(f.model, c, worst.shape, f.cuda), effect, set)
	}
	if !f.config.GradientCheckpointing {
		with(func(c *compute.Config) { c.GradientCheckpointing = true }, "computes each block's forward pass again in the backward pass: same result, about a quarter slower",
			map[string]string{"gradient_checkpointing": "true"})
	}
	if f.config.LoRA == nil {
		with(func(c *compute.Config) { c.LoRA = &compute.LoRAConfig{R: r.LoraR, TargetModules: loraTargets(r)} },
			"trains a small adapter instead of all weights: no moments and gradients for the rest", map[string]string{"use_peft": "true"})
	}
	if f.config.DType != "bfloat16" {
		with(func(c *compute.Config) { c.DType = "bfloat16" }, "computes products in bfloat16; slow on a CPU without native bfloat16",
			map[string]string{"bf16": "true"})
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].SavesBytes > list[j].SavesBytes })
	return list, nil
}
