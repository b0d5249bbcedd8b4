package findings

import (
	"slices"
	"strings"

	"sftui/engine/compute"
	"sftui/engine/model"
	"sftui/engine/weights"
	"sftui/recipes"
)

// adapterFindings compare the adapter's options with the layers that the model has.
func adapterFindings(in *Input, _ *facts) []Finding {
	r := in.Recipe
	if !r.UsePeft || in.ModelDir == "" {
		return nil
	}
	names := in.weightNames()
	if len(names) == 0 {
		return nil
	}
	list := in.targetsOutside(names)
	if missing := unmatched(r.LoraTargetModules, names, adapted); len(missing) > 0 {
		found := Finding{ID: "adapter-targets-missing", Severity: recipes.SeverityWarning, Fix: Fix{"lora_target_modules", "all-linear"},
			Message: format(in.say("lora_target_modules names %s, which this model does not have; its linear layers are %s.",
				"lora_target_modules 中的 %s 在该模型中不存在；它的线性层有 %s。"), strings.Join(missing, ", "), strings.Join(linearLayers(names), ", "))}
		if len(missing) == len(r.LoraTargetModules) {
			found.Severity = recipes.SeverityError // PEFT stops, and so does sftui
		}
		list = append(list, found)
	}
	if missing := unmatched(r.LoraModulesToSave, names, saved); len(missing) > 0 {
		list = append(list, Finding{ID: "adapter-targets-missing", Severity: recipes.SeverityWarning, Fix: Fix{"lora_modules_to_save", without(r.LoraModulesToSave, missing)},
			Message: format(in.say("lora_modules_to_save names %s, which this model does not have, and PEFT says nothing: no weight is trained whole for it.",
				"lora_modules_to_save 中的 %s 在该模型中不存在，而 PEFT 不会提示：没有任何权重因此被整体训练。"), strings.Join(missing, ", "))})
	}
	return list
}

// targetsOutside finds that lora_target_modules mean the embedding or the head, where no adapter can be trained here.
func (in *Input) targetsOutside(names []string) []Finding {
	var list []Finding
	for _, name := range []string{model.EmbedName, model.HeadName} {
		for _, entry := range in.Recipe.LoraTargetModules {
			if strings.EqualFold(entry, "all-linear") || entry == "lm_head" || !slices.Contains(names, name) || !adapted(entry, name) {
				continue // all-linear leaves both out, and lm_head is the recipe's own finding
			}
			list = append(list, Finding{ID: "adapter-target-unsupported", Severity: recipes.SeverityError, Fix: Fix{"lora_target_modules", "all-linear"},
				Message: format(in.say("lora_target_modules has %s, which means %s: sftui adapts the linear layers of the blocks only; name it in lora_modules_to_save to train it whole.",
					"lora_target_modules 中的 %s 匹配 %s：sftui 只为各层内的线性层添加适配器；要训练它，请写入 lora_modules_to_save。"), entry, strings.TrimSuffix(name, ".weight"))})
			break
		}
	}
	return list
}

// weightNames are the names of the model's weights as transformers has them: with the prefix of a model with a head,
// and with that head also where it is the embedding. There are none where they cannot be read.
func (in *Input) weightNames() []string {
	c, err := weights.OpenSafetensors(in.ModelDir)
	if err != nil {
		return nil
	}
	defer c.Close() //nolint:errcheck // only read from
	var names []string
	for _, name := range c.Names() {
		if strings.HasPrefix(name, "base_model.") {
			return nil // an adapter, which is another finding
		}
		if name != model.HeadName && !strings.HasPrefix(name, "model.") {
			name = "model." + name
		}
		names = append(names, name)
	}
	if len(names) > 0 && !slices.Contains(names, model.HeadName) {
		names = append(names, model.HeadName)
	}
	return names
}

// unmatched are the entries that hit no weight when they stand alone.
func unmatched(entries, names []string, hits func(entry, weight string) bool) []string {
	var missing []string
	for _, e := range entries {
		if !slices.ContainsFunc(names, func(n string) bool { return hits(e, n) }) {
			missing = append(missing, e)
		}
	}
	return missing
}

// adapted reports whether an entry of lora_target_modules means a weight's layer.
func adapted(entry, weight string) bool {
	c := compute.LoRAConfig{TargetModules: []string{entry}}
	module, isWeight := strings.CutSuffix(weight, ".weight")
	return isWeight && c.Adapts(module)
}

// saved reports whether an entry of lora_modules_to_save means a weight.
func saved(entry, weight string) bool {
	c := compute.LoRAConfig{ModulesToSave: []string{entry}}
	return c.Saves(weight)
}

// linearLayers are the last parts of the names of a block's matrices.
func linearLayers(names []string) []string {
	var out []string
	for _, n := range names {
		module, ok := strings.CutSuffix(n, "_proj.weight")
		if !ok {
			continue
		}
		short := module[strings.LastIndexByte(module, '.')+1:] + "_proj"
		if !slices.Contains(out, short) {
			out = append(out, short)
		}
	}
	slices.Sort(out)
	return out
}

// without writes a list without some of its entries.
func without(list, missing []string) string {
	var rest []string
	for _, e := range list {
		if !slices.Contains(missing, e) {
			rest = append(rest, e)
		}
	}
	if len(rest) == 0 {
		return "null"
	}
	return recipes.ListText(rest)
}
