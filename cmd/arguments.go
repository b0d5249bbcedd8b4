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
		if slices.Contains(f.switches, name) && !inline {
			a.switches[name] = true
			continue
		}
		isOption := f.options && slices.Contains(recipes.Keys(), strings.ReplaceAll(name, "-", "_"))
		isValue, isList := slices.Contains(f.values, name), slices.Contains(f.lists, name)
		if !isOption && !isValue && !isList {
			return a, fmt.Errorf("unknown flag --%s", name)
		}
		if !inline {
			if i++; i >= len(args) {
				return a, fmt.Errorf("--%s needs a value", name)
			}
			value = args[i]
		}
		switch {
		case isValue:
			a.values[name] = value
		case isList:
			a.lists[name] = append(a.lists[name], value)
		default:
			a.overrides = append(a.overrides, strings.ReplaceAll(name, "-", "_")+"="+value)
		}
	}
	return a, nil
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
