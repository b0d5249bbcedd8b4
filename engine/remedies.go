package engine

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strconv"

	"sftui/engine/compute"
	"sftui/recipes"
)

// remedies lists the changes of a recipe that need less memory, the one that
// saves most first. Each is on its own, against the recipe as it is, and what
// it saves is the difference of two forecasts: its options are set and the rows
// looked through again.
func (f *Forecaster) remedies(r *recipes.Recipe) ([]Remedy, error) {
	heavy, err := f.candidates(r)
	if err != nil {
		return nil, err
	}
	worst := f.worst(r, heavy)
	now := f.estimate(r, worst.shape)
	list := []Remedy{}
	for _, remedy := range f.changes(r, worst) {
		changed := r.Clone()
		for _, key := range slices.Sorted(maps.Keys(remedy.Set)) {
			if err := changed.Set(key, remedy.Set[key], recipes.Origin{Kind: recipes.OriginEdit}); err != nil {
				return nil, err
			}
		}
		m, err := f.changed(r, changed, heavy)
		if err != nil {
			return nil, err
		}
		remedy.TotalBytes, remedy.SavesBytes = m.Total(), now.Total()-m.Total()
		if remedy.SavesBytes > 0 {
			list = append(list, remedy)
		}
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].SavesBytes > list[j].SavesBytes })
	return list, nil
}

// changed is the memory of training by another recipe on the same rows; heavy
// are the candidates for the heaviest micro-batch by the recipe of the forecast.
func (f *Forecaster) changed(was, now *recipes.Recipe, heavy []heaviest) (compute.Memory, error) {
	g := *f
	dtype := f.config.DType // where the recipes leave it open it is the device's
	g.config = ComputeConfig(now, f.config.ModelDir)
	if g.config.DType == "" {
		g.config.DType = dtype
	}
	if now.PerDeviceTrainBatchSize != was.PerDeviceTrainBatchSize || g.config.MaxLength != f.config.MaxLength || g.config.DType != dtype {
		options, err := DataOptions(now)
		if err != nil {
			return compute.Memory{}, err
		}
		if g.config.MaxLength != f.config.MaxLength {
			g.feed = newOutlineFeed(f.rows.Outline.WithMaxLength(g.config.MaxLength), f.rows.Rows, options)
		}
		if g.order, err = RecipeOrder(now, g.feed.Len(), g.feed.Tokens); err != nil {
			return compute.Memory{}, err
		}
		if heavy, err = g.candidates(now); err != nil {
			return compute.Memory{}, err
		}
	}
	return g.estimate(now, g.worst(now, heavy).shape), nil
}

// changes are what could need less memory than a recipe does.
func (f *Forecaster) changes(r *recipes.Recipe, worst Worst) []Remedy {
	var list []Remedy
	offer := func(english, chinese string, set map[string]string) {
		list = append(list, Remedy{Set: set, Effect: english, Chinese: chinese})
	}
	if micro := r.PerDeviceTrainBatchSize / 2; micro >= 1 {
		// Rounded up: a step must not lose rows.
		accumulation := (r.GradientAccumulationSteps*r.PerDeviceTrainBatchSize + micro - 1) / micro
		offer("as many rows a step, in smaller pieces: same result, a little slower", "每步行数不变，分成更小的批：结果相同，略慢",
			map[string]string{keyMicroBatch: strconv.Itoa(micro), keyAccumulation: strconv.Itoa(accumulation)})
	}
	longest := worst.Longest
	if r.Packing && r.MaxLength != nil {
		longest = *r.MaxLength // of a sequence, which holds several rows
	}
	if limit := longest / 2; limit >= 1 {
		english := fmt.Sprintf("cuts every row above %d tokens: what comes after is not trained on", limit)
		chinese := fmt.Sprintf("截断超过 %d 个词元的行：之后的内容不参与训练", limit)
		if r.Packing {
			english = fmt.Sprintf("packs into sequences of %d tokens, so there are more of them; longer rows are cut or split", limit)
			chinese = fmt.Sprintf("打包成 %d 个词元的序列，序列更多；更长的行被截断或拆分", limit)
		}
		offer(english, chinese, map[string]string{"max_length": strconv.Itoa(limit)})
	}
	if !f.config.GradientCheckpointing {
		set := map[string]string{"gradient_checkpointing": "true"}
		if r.ActivationCheckpointing != nil {
			set = map[string]string{"activation_checkpointing": "true"} // which overrides the other
		}
		offer("computes each block's forward pass again in the backward pass: same result, about a quarter slower",
			"反向时重新计算每个块的前向：结果相同，约慢四分之一", set)
	}
	if f.config.LoRA == nil {
		offer("trains a small adapter instead of all weights: no moments and gradients for the rest",
			"训练小的适配器而不是全部权重：其余权重没有动量与梯度", map[string]string{"use_peft": "true"})
	}
	if f.config.DType != "bfloat16" {
		offer("computes products in bfloat16; slow on a CPU without native bfloat16", "矩阵乘法用 bfloat16；不支持它的 CPU 上很慢",
			map[string]string{"bf16": "true"})
	}
	for _, o := range []struct{ name, english, chinese string }{
		{"adamw_bnb_8bit", "AdamW with moments of 8 bits instead of 32: nearly the same result", "AdamW 的动量用 8 位而不是 32 位：结果几乎相同"},
		{"adafactor", "keeps sums of rows and columns instead of moments: another optimizer, which wants its own learning rate",
			"只保存行与列之和，不保存动量：是另一种优化器，需要自己的学习率"},
	} {
		if r.Optim != o.name {
			offer(o.english, o.chinese, map[string]string{"optim": o.name})
		}
	}
	return list
}
