package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"sftui/recipes"
)

// optionsCommand is the line of `sftui options` in the table of commands.
func optionsCommand() command {
	return command{name: "options", usage: "[NAME …] [--json] [--markdown] [--lang en|zh]",
		summary: "explain every option of a recipe, or the named ones", details: optionsDetails, run: runOptions}
}

// textFlags are the flags of the commands that print explanations.
type textFlags struct {
	json, markdown, raw bool
	lang                recipes.Language
	rest                []string
}

// parseTextFlags takes flags from anywhere between the other arguments.
func parseTextFlags(args []string) (textFlags, error) {
	f := textFlags{lang: recipes.English}
	for i := 0; i < len(args); i++ {
		name, value, inline := strings.Cut(args[i], "=")
		switch name {
		case "--json", "-json":
			f.json = true
		case "--markdown", "-markdown":
			f.markdown = true
		case "--raw", "-raw":
			f.raw = true
		case "--lang", "-lang":
			if !inline {
				i++
				if i >= len(args) {
					return f, fmt.Errorf("--lang needs en or zh")
				}
				value = args[i]
			}
			if value != "en" && value != "zh" {
				return f, fmt.Errorf("--lang is en or zh, not %q", value)
			}
			f.lang = recipes.Language(value)
		default:
			if strings.HasPrefix(args[i], "--") && !inline {
				return f, fmt.Errorf("unknown flag %s", args[i])
			}
			f.rest = append(f.rest, args[i])
		}
	}
	return f, nil
}

// runOptions prints all options or the named ones.
func runOptions(_ context.Context, args []string, s streams) int {
	f, err := parseTextFlags(args)
	if err != nil {
		fmt.Fprintf(s.err, "sftui options: %v\n", err)
		return exitFailure
	}
	if f.markdown {
		_, err := s.out.Write(recipes.Markdown(f.lang))
		return wrote(err, s)
	}
	fields := recipes.Fields()
	var old []recipes.OldName
	if len(f.rest) > 0 {
		if fields, old, err = pickOptions(fields, f.rest); err != nil {
			fmt.Fprintf(s.err, "sftui options: %v\n", err)
			return exitFailure
		}
	} else {
		old = recipes.OldNames()
	}
	switch {
	case f.json:
		return wrote(printOptionsJSON(s.out, fields, old, len(f.rest) == 1), s)
	case len(f.rest) == 0:
		return wrote(printOptionList(s.out, fields, f.lang), s)
	default:
		return wrote(printOptions(s.out, fields, old, f.lang), s)
	}
}

// wrote turns a failed write into an exit status.
func wrote(err error, s streams) int {
	if err != nil {
		fmt.Fprintf(s.err, "sftui: the output could not be written: %v\n", err)
		return exitFailure
	}
	return exitDone
}

// pickOptions finds options by name; old names are found as such.
func pickOptions(all []recipes.Field, names []string) ([]recipes.Field, []recipes.OldName, error) {
	var fields []recipes.Field
	var old []recipes.OldName
	for _, name := range names {
		found := false
		for _, f := range all {
			if f.Key == name {
				fields, found = append(fields, f), true
			}
		}
		for _, o := range recipes.OldNames() {
			if o.Name == name {
				old, found = append(old, o), true
			}
		}
		if !found {
			return nil, nil, fmt.Errorf("%s", recipes.UnknownKey(name))
		}
	}
	return fields, old, nil
}

// The shapes of `sftui options --json`.
type (
	effectJSON struct {
		Sign string `json:"sign"`
		Text string `json:"text"`
	}
	docJSON struct {
		Short        string     `json:"short"`
		What         string     `json:"what"`
		When         string     `json:"when"`
		Memory       effectJSON `json:"memory"`
		Speed        effectJSON `json:"speed"`
		Quality      effectJSON `json:"quality"`
		Interactions string     `json:"interactions"`
	}
	optionJSON struct {
		Name     string                       `json:"name"`
		Class    string                       `json:"class"`
		Group    string                       `json:"group"`
		Kind     recipes.Kind                 `json:"kind"`
		Nullable bool                         `json:"nullable"`
		Default  string                       `json:"default"`
		Enum     []string                     `json:"enum,omitempty"`
		Min      *float64                     `json:"min,omitempty"`
		Max      *float64                     `json:"max,omitempty"`
		Doc      map[recipes.Language]docJSON `json:"doc"`
		Peers    map[string]string            `json:"peers"`
		Status   recipes.State                `json:"status"`
		Why      map[recipes.Language]string  `json:"why"`
	}
	oldJSON struct {
		Name        string                      `json:"name"`
		Replacement string                      `json:"replacement,omitempty"`
		Kept        bool                        `json:"kept"`
		Text        map[recipes.Language]string `json:"text"`
	}
)

// printOptionsJSON prints one object for a single name, else an object of lists.
func printOptionsJSON(w io.Writer, fields []recipes.Field, old []recipes.OldName, single bool) error {
	options := make([]optionJSON, len(fields))
	for i, f := range fields {
		options[i] = optionToJSON(f)
	}
	renamed := make([]oldJSON, len(old))
	for i, o := range old {
		renamed[i] = oldJSON{Name: o.Name, Replacement: o.Replacement, Kept: o.Kept(),
			Text: map[recipes.Language]string{recipes.English: o.English, recipes.Chinese: o.Chinese}}
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	switch {
	case single && len(options) == 1:
		return enc.Encode(options[0])
	case single && len(renamed) == 1:
		return enc.Encode(renamed[0])
	default:
		return enc.Encode(map[string]any{"options": options, "renamed": renamed})
	}
}

// optionToJSON fills the JSON shape of one option.
func optionToJSON(f recipes.Field) optionJSON {
	o := optionJSON{Name: f.Key, Class: f.Class, Group: f.Group, Kind: f.Kind, Nullable: f.Nullable, Default: f.Default,
		Enum: f.Enum, Min: f.Min, Max: f.Max, Status: f.Status.State,
		Doc: map[recipes.Language]docJSON{}, Why: map[recipes.Language]string{}, Peers: map[string]string{}}
	for _, l := range []recipes.Language{recipes.English, recipes.Chinese} {
		d := f.Doc.In(l)
		o.Doc[l] = docJSON{Short: d.Short, What: d.What, When: d.When, Interactions: d.Interactions,
			Memory: effectJSON(d.Memory), Speed: effectJSON(d.Speed), Quality: effectJSON(d.Quality)}
		o.Why[l] = f.Status.Why(l)
	}
	if f.Peers.Axolotl != "" {
		o.Peers["axolotl"] = f.Peers.Axolotl
	}
	if f.Peers.LLaMAFactory != "" {
		o.Peers["llamafactory"] = f.Peers.LLaMAFactory
	}
	return o
}

// printOptionList prints a line an option, by group.
func printOptionList(w io.Writer, fields []recipes.Field, l recipes.Language) error {
	var b bytes.Buffer
	for _, g := range recipes.Groups() {
		fmt.Fprintf(&b, "\n%s\n", g.In(l))
		for _, f := range fields {
			if f.Group != g.ID {
				continue
			}
			mark := map[recipes.State]string{recipes.Honoured: "  ", recipes.Accepted: "· ", recipes.Unsupported: "✗ "}[f.Status.State]
			fmt.Fprintf(&b, " %s%-38s %-14s %s\n", mark, f.Key, cut(f.Default, 14), f.Doc.In(l).Short)
		}
	}
	legend := "\n· accepted without effect   ✗ not supported   `sftui options NAME` explains one\n"
	if l == recipes.Chinese {
		legend = "\n· 接受但不起作用   ✗ 不支持   `sftui options NAME --lang zh` 查看说明\n"
	}
	b.WriteString(legend)
	_, err := w.Write(b.Bytes())
	return err
}

// cut shortens a text to n characters.
func cut(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}

// printOptions prints full explanations.
func printOptions(w io.Writer, fields []recipes.Field, old []recipes.OldName, l recipes.Language) error {
	var b bytes.Buffer
	for _, o := range old {
		text := o.English
		if l == recipes.Chinese {
			text = o.Chinese
		}
		fmt.Fprintf(&b, "%s\n", text)
	}
	for i, f := range fields {
		if i > 0 || len(old) > 0 {
			b.WriteString("\n")
		}
		printOption(&b, f, l)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// printOption prints one explanation.
func printOption(b *bytes.Buffer, f recipes.Field, l recipes.Language) {
	label := func(english, chinese string) string {
		if l == recipes.Chinese {
			return chinese
		}
		return english
	}
	d := f.Doc.In(l)
	fmt.Fprintf(b, "%s  (%s; %s %s)\n", f.Key, f.Type(), label("default", "默认"), f.Default)
	fmt.Fprintf(b, "  %s\n", d.What)
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(b, "  %s: %s\n", name, text)
		}
	}
	line(label("When", "何时修改"), d.When)
	line(label("Memory", "显存"), d.Memory.String())
	line(label("Speed", "速度"), d.Speed.String())
	line(label("Quality", "质量"), d.Quality.String())
	line(label("Works with", "相关"), d.Interactions)
	line(label("Elsewhere", "其他工具"), f.Peers.String())
	status := string(f.Status.State)
	if why := f.Status.Why(l); why != "" {
		status += ": " + why
	}
	line(label("sftui", "sftui"), status)
}
