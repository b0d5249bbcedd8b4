package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"

	"sftui/engine/device"
	"sftui/recipes"
)

// recipeCommand is the line of `sftui recipe` in the table of commands.
func recipeCommand() command {
	return command{name: "recipe", usage: "list | show FILE [key=value …] [--raw] | diff A B   [--json] [--lang en|zh]",
		summary: "list the embedded recipes, show what one amounts to, compare two", details: recipeDetails, run: runRecipe}
}

// runRecipe dispatches to list, show and diff.
func runRecipe(_ context.Context, args []string, s streams) int {
	f, err := parseTextFlags(args)
	if err == nil && len(f.rest) == 0 {
		err = fmt.Errorf("say list, show FILE or diff A B")
	}
	if err == nil {
		what, rest := f.rest[0], f.rest[1:]
		switch {
		case what == "list" && len(rest) == 0:
			return wrote(listRecipes(s.out, f), s)
		case what == "show" && len(rest) >= 1:
			return showRecipe(rest[0], rest[1:], f, s)
		case what == "diff" && len(rest) == 2:
			return diffRecipes(rest[0], rest[1], f, s)
		}
		err = fmt.Errorf("say list, show FILE or diff A B")
	}
	return failed(err, s)
}

// failed reports what is wrong with a recipe, a line for each error, and
// returns the status for it.
func failed(err error, s streams) int {
	fmt.Fprintf(s.err, "sftui recipe: %v\n", err)
	return exitFailure
}

// listRecipes prints the embedded recipes.
func listRecipes(w io.Writer, f textFlags) error {
	list := recipes.Embedded()
	if f.json {
		out := make([]map[string]string, len(list))
		for i, e := range list {
			out[i] = map[string]string{"name": e.Name, "en": e.Description, "zh": e.Chinese}
		}
		return encodeJSON(w, map[string]any{"recipes": out})
	}
	var b bytes.Buffer
	for _, e := range list {
		text := e.Description
		if f.lang == recipes.Chinese {
			text = e.Chinese
		}
		fmt.Fprintf(&b, "%-16s %s\n", e.Name, text)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// encodeJSON writes a value as indented JSON with a line end.
func encodeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	return enc.Encode(v)
}

// showRecipe prints what a recipe amounts to with overrides applied; a launch
// configuration of accelerate is explained.
func showRecipe(name string, overrides []string, f textFlags, s streams) int {
	if data, err := os.ReadFile(name); err == nil && recipes.IsAccelerate(data) {
		return showAccelerate(name, data, f, s)
	}
	r, err := recipes.Open(name)
	if err == nil {
		err = r.Override(overrides)
	}
	if err != nil {
		return failed(err, s)
	}
	for _, n := range r.Notes() {
		text := n.English
		if f.lang == recipes.Chinese {
			text = n.Chinese
		}
		fmt.Fprintf(s.err, "note: %s\n", text)
	}
	conflicts := r.Conflicts()
	switch {
	case f.json:
		return wrote(encodeJSON(s.out, recipeJSON(r, conflicts)), s)
	case f.raw:
		_, err = s.out.Write(r.YAML())
	default:
		_, err = s.out.Write(explained(r, f.lang))
	}
	for _, c := range conflicts {
		fmt.Fprintf(s.err, "%s: %s%s\n", c.Severity, c.In(f.lang), fixText(c.Fix))
	}
	return wrote(err, s)
}

// here is this machine, as a recipe sees it.
func here() recipes.Place {
	return recipes.Place{GPU: device.GPUPresent(), Cores: runtime.NumCPU()}
}

// explained is the effective recipe, with a comment above each option that the
// device or another option decides on: what the run will do, and why.
func explained(r *recipes.Recipe, l recipes.Language) []byte {
	said := map[string]string{}
	for _, e := range r.InEffect(here()) {
		word := "in effect"
		if l == recipes.Chinese {
			word = "实际为"
		}
		said[e.Key] = fmt.Sprintf("# %s %s: %s\n", word, e.Value, e.In(l))
	}
	var out bytes.Buffer
	for line := range bytes.Lines(r.Effective()) {
		key, _, _ := bytes.Cut(line, []byte(":"))
		out.WriteString(said[string(key)])
		out.Write(line)
	}
	return out.Bytes()
}

// fixText shows a fix as the override that makes it.
func fixText(fix recipes.Fix) string {
	if fix.Key == "" {
		return ""
	}
	return fmt.Sprintf("  [%s=%s]", fix.Key, fix.Value)
}

// recipeJSON is the shape of `sftui recipe show --json`.
func recipeJSON(r *recipes.Recipe, conflicts []recipes.Conflict) map[string]any {
	type value struct {
		Key    string `json:"key"`
		Value  string `json:"value"`
		Origin string `json:"origin"`
		Effect string `json:"in_effect,omitempty"` // where the value leaves it open
		Why    string `json:"why,omitempty"`
		WhyZh  string `json:"why_zh,omitempty"`
	}
	type conflict struct {
		ID       string           `json:"id"`
		Severity recipes.Severity `json:"severity"`
		Keys     []string         `json:"keys"`
		Message  string           `json:"message"`
		Chinese  string           `json:"message_zh"`
		Fix      any              `json:"fix"`
	}
	effects := map[string]recipes.InEffect{}
	for _, e := range r.InEffect(here()) {
		effects[e.Key] = e
	}
	values := []value{}
	for _, k := range recipes.Keys() {
		v, o := r.Get(k)
		e := effects[k]
		values = append(values, value{k, v, o.String(), e.Value, e.English, e.Chinese})
	}
	list := []conflict{}
	for _, c := range conflicts {
		var fix any
		if c.Fix.Key != "" {
			fix = map[string]string{"key": c.Fix.Key, "value": c.Fix.Value}
		}
		list = append(list, conflict{c.ID, c.Severity, c.Keys, c.Message, c.Chinese, fix})
	}
	notes := []map[string]any{}
	for _, n := range r.Notes() {
		notes = append(notes, map[string]any{"key": n.Key, "line": n.Line, "en": n.English, "zh": n.Chinese})
	}
	return map[string]any{"options": values, "conflicts": list, "notes": notes}
}

// showAccelerate explains a launch configuration.
func showAccelerate(name string, data []byte, f textFlags, s streams) int {
	a, err := recipes.ParseAccelerate(name, data)
	if err != nil {
		return failed(err, s)
	}
	lines := a.Explain(f.lang)
	if f.json {
		return wrote(encodeJSON(s.out, map[string]any{"accelerate": map[string]any{
			"distributed_type": a.Kind, "num_processes": a.Processes, "num_machines": a.Machines,
			"mixed_precision": a.Precision, "zero_stage": a.ZeroStage, "offload": a.Offload, "explanation": lines}}), s)
	}
	for _, l := range lines {
		if _, err := fmt.Fprintln(s.out, l); err != nil {
			return wrote(err, s)
		}
	}
	return exitDone
}

// diffRecipes prints the options in which two recipes differ.
func diffRecipes(a, b string, f textFlags, s streams) int {
	ra, err := recipes.Open(a)
	if err != nil {
		return failed(err, s)
	}
	rb, err := recipes.Open(b)
	if err != nil {
		return failed(err, s)
	}
	changes := recipes.Diff(ra, rb)
	if f.json {
		list := []map[string]string{}
		for _, c := range changes {
			list = append(list, map[string]string{"key": c.Key, "a": c.A, "b": c.B, "origin_a": c.OriginA.String(), "origin_b": c.OriginB.String()})
		}
		return wrote(encodeJSON(s.out, map[string]any{"changes": list}), s)
	}
	var out bytes.Buffer
	for _, c := range changes {
		fmt.Fprintf(&out, "%s\n  - %s  (%s)\n  + %s  (%s)\n", c.Key, c.A, c.OriginA, c.B, c.OriginB)
	}
	if len(changes) == 0 {
		out.WriteString("no option differs\n")
	}
	_, err = s.out.Write(out.Bytes())
	return wrote(err, s)
}
