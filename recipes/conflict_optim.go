package recipes

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// optimizerSettings are what optim_args can set of the optimizers that read it;
// true marks a switch, the others are numbers. weight_decay is taken and, as in
// transformers, overruled by the option of that name.
func optimizerSettings(optim string) map[string]bool {
	switch optim {
	case "sgd":
		return map[string]bool{"momentum": false, "dampening": false, "weight_decay": false, "nesterov": true}
	case "adagrad":
		return map[string]bool{"lr_decay": false, "weight_decay": false, "eps": false}
	case "rmsprop":
		return map[string]bool{"momentum": false, "alpha": false, "eps": false, "weight_decay": false, "centered": true}
	case "ademamix", "paged_ademamix_32bit":
		return map[string]bool{"beta1": false, "beta2": false, "beta3": false, "alpha": false, "eps": false, "weight_decay": false}
	}
	return nil
}

// optimizerArgs finds what is wrong with optim_args: the engine refuses it too,
// but only once the model is loaded.
func optimizerArgs(r *Recipe) *clash {
	settings := optimizerSettings(r.Optim)
	text := strings.ReplaceAll(r.OptimArgs, " ", "")
	if text == "" || settings == nil {
		return nil
	}
	values := map[string]float64{}
	for _, pair := range strings.Split(text, ",") {
		key, value, found := strings.Cut(pair, "=")
		isSwitch, known := settings[key]
		switch {
		case !found:
			return say(fmt.Sprintf("optim_args: %q is not of the form key=value.", pair), fmt.Sprintf("optim_args：%q 不是 key=value 的形式。", pair), "optim_args", "null")
		case !known:
			var names []string
			for name := range settings {
				names = append(names, name)
			}
			slices.Sort(names)
			list := strings.Join(names, ", ")
			return say(fmt.Sprintf("optim_args: optim %s has no setting %q; it has %s.", r.Optim, key, list),
				fmt.Sprintf("optim_args：optim %s 没有设置 %q；可用的有 %s。", r.Optim, key, list), "optim_args", "null")
		case isSwitch:
			if slices.Contains([]string{"true", "1", "yes"}, strings.ToLower(value)) {
				values[key] = 1
			}
			continue
		}
		number, err := strconv.ParseFloat(value, 64)
		if err != nil || math.IsNaN(number) || math.IsInf(number, 0) || number < 0 && key != "dampening" {
			return say(fmt.Sprintf("optim_args: %s must be a number that is not negative, found %q.", key, value),
				fmt.Sprintf("optim_args：%s 必须是非负数，现为 %q。", key, value), "optim_args", "null")
		}
		values[key] = number
	}
	return when(values["nesterov"] > 0 && (values["momentum"] <= 0 || values["dampening"] != 0),
		"optim_args: nesterov needs a momentum above 0 and no dampening; torch refuses it.",
		"optim_args：nesterov 需要大于 0 的 momentum 且不能有 dampening；torch 会拒绝。", "optim_args", "momentum=0.9,nesterov=true")
}
