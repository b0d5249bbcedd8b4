package cmd

import (
	"fmt"
	"slices"
	"strings"

	"sftui/recipes"
)

// arguments are a command line taken apart. Flags may stand anywhere; a flag
// that is not the command's own but an option of a recipe sets that option, so
// that TRL's command lines (--learning_rate 1e-5) work as well as key=value.
type arguments struct {
	values    map[string]string   // value flags by name
	lists     map[string][]string // value flags that may be given several times
	switches  map[string]bool
	overrides []string // key=value
	rest      []string // everything else
}

// flagSet says which flags a command has.
type flagSet struct {
	values   []string // --name VALUE
	lists    []string // --name VALUE, several times
	switches []string // --name
	options  bool     // recipe options are taken
}

// parse takes a command line apart.
func (f flagSet) parse(args []string) (arguments, error) {
	a := arguments{values: map[string]string{}, lists: map[string][]string{}, switches: map[string]bool{}}
	for i := 0; i < len(args); i++ {
		arg := args[i]
		name, isFlag := strings.CutPrefix(arg, "--")
		if !isFlag {
			if f.options && strings.Contains(arg, "=") {
				a.overrides = append(a.overrides, arg)
			} else {
				a.rest = append(a.rest, arg)
			}
			continue
		}
		name, value, inline := strings.Cut(name, "=")
		if name == "config" && slices.Contains(f.values, "recipe") {
			name = "recipe" // what TRL's command line calls it
		}
		if slices.Contains(f.switches, name) && !inline {
			a.switches[name] = true
			continue
		}
		isValue, isList := slices.Contains(f.values, name), slices.Contains(f.lists, name)
		if !isValue && !isList {
			taken, err := f.option(&a, name, value, inline, args[i+1:])
			if err != nil {
				return a, err
			}
			i += taken
			continue
		}
		if !inline {
			if i++; i >= len(args) {
				return a, fmt.Errorf("--%s needs a value", name)
			}
			value = args[i]
		}
		if isValue {
			a.values[name] = value
		} else {
			a.lists[name] = append(a.lists[name], value)
		}
	}
	return a, nil
}

// stray refuses words that are neither flags nor options of the command.
func (a arguments) stray(command string) error {
	if len(a.rest) == 0 {
		return nil
	}
	return fmt.Errorf("unexpected argument %q; `sftui help %s` shows what it takes", a.rest[0], command)
}

// names are the flags as they are written, in alphabetical order.
func (f flagSet) names() string {
	all := slices.Concat(f.values, f.lists, f.switches)
	slices.Sort(all)
	return "--" + strings.Join(all, ", --")
}

// option reads a flag that is an option of a recipe, in the forms that TRL's
// command line takes: --packing, --no_packing, --packing true, --learning-rate
// 1e-5, --report_to wandb tensorboard. It returns how many of the arguments
// that follow belong to it.
func (f flagSet) option(a *arguments, name, value string, inline bool, following []string) (taken int, err error) {
	if !f.options {
		return 0, fmt.Errorf("unknown flag --%s; there are %s", name, f.names())
	}
	key := strings.ReplaceAll(name, "-", "_")
	kind, known := recipes.KindOf(key)
	if !known && negates(key) && !inline {
		a.overrides = append(a.overrides, strings.TrimPrefix(key, "no_")+"=false")
		return 0, nil
	}
	if !known {
		return 0, fmt.Errorf("unknown flag --%s: %s", name, recipes.UnknownKey(key))
	}
	switch {
	case inline:
	case kind == recipes.KindBool:
		value = "true"
		if len(following) > 0 && recipes.IsSwitchWord(following[0]) {
			value, taken = following[0], 1
		}
	case kind == recipes.KindList:
		for taken < len(following) && !strings.HasPrefix(following[taken], "--") && !isOverride(following[taken]) {
			taken++
		}
		if taken > 1 {
			value = recipes.ListText(following[:taken])
		} else if taken == 1 {
			value = following[0]
		}
	case len(following) > 0:
		value, taken = following[0], 1
	}
	if !inline && taken == 0 && kind != recipes.KindBool {
		return 0, fmt.Errorf("--%s needs a value", name)
	}
	a.overrides = append(a.overrides, key+"="+value)
	return taken, nil
}

// negates reports whether a key is a switch's with no_ in front.
func negates(key string) bool {
	positive, negated := strings.CutPrefix(key, "no_")
	kind, known := recipes.KindOf(positive)
	return negated && known && kind == recipes.KindBool
}

// isOverride reports whether an argument is key=value with a key that exists.
func isOverride(arg string) bool {
	key, _, ok := strings.Cut(arg, "=")
	_, known := recipes.KindOf(key)
	return ok && known
}

// recipe reads the recipe that --recipe names, or the defaults without one,
// with the command line's options over it.
func (a arguments) recipe() (*recipes.Recipe, error) {
	r := recipes.Default()
	if name := a.values["recipe"]; name != "" {
		var err error
		if r, err = recipes.Open(name); err != nil {
			return nil, err
		}
	}
	return r, a.override(r)
}

// override sets the command line's options in r.
func (a arguments) override(r *recipes.Recipe) error {
	if err := r.Override(a.overrides); err != nil {
		return err
	}
	if device := a.values["device"]; device != "" {
		return r.Set("device", device, recipes.Origin{Kind: recipes.OriginCommandLine})
	}
	return nil
}
