package recipes

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// effectiveMark begins an effective recipe, so that reading it again restores where values came from.
const effectiveMark = "# sftui effective recipe"

// YAML returns the recipe as YAML: the file it was read from with edits written
// into it, or, for one that came from no file, the options that were set.
func (r *Recipe) YAML() []byte {
	if r.original != nil {
		if out, err := r.WriteBack(r.original); err == nil {
			return out
		}
	}
	return r.setOptions()
}

// setOptions writes the options that have a value of their own, by group.
func (r *Recipe) setOptions() []byte {
	var b bytes.Buffer
	for _, g := range Groups() {
		for _, o := range optionTable().options {
			if o.group == g.ID && r.IsSet(o.key) {
				b.WriteString(r.entry(&o))
			}
		}
	}
	return b.Bytes()
}

// entry returns the option as YAML lines, block style where it is nested.
func (r *Recipe) entry(o *option) string {
	n := o.node(o.field(r))
	if n.Kind == scalarKind {
		return o.key + ": " + encodeNode(n, false)
	}
	if len(n.Content) == 0 {
		return o.key + ": " + encodeNode(n, true)
	}
	return o.key + ":\n" + indent(encodeNode(n, false))
}

// indent shifts YAML lines by two blanks.
func indent(s string) string {
	lines := strings.SplitAfter(s, "\n")
	var b strings.Builder
	for _, l := range lines {
		if strings.TrimSpace(l) != "" {
			b.WriteString("  ")
		}
		b.WriteString(l)
	}
	return b.String()
}

// Effective returns every option with its value and, as a comment, where the
// value came from. Parse restores those origins, so that the file in a run's
// folder says the same as the recipe that the run was started with.
func (r *Recipe) Effective() []byte {
	var b bytes.Buffer
	b.WriteString(effectiveMark + "; each value is followed by where it came from\n")
	if r.source != "" {
		fmt.Fprintf(&b, "# read from %s\n", strings.ReplaceAll(r.source, "\n", " "))
	}
	for _, g := range Groups() {
		fmt.Fprintf(&b, "\n# %s\n", g.English)
		for _, o := range optionTable().options {
			if o.group != g.ID {
				continue
			}
			fmt.Fprintf(&b, "%s: %s  # %s\n", o.key, o.inline(o.field(r)), r.origins[o.key])
		}
	}
	return b.Bytes()
}

var effectiveLine = regexp.MustCompile(`^([a-z0-9_]+): .*  # (default|model|command line|edit|line (\d+))$`)

// restoreOrigins reads the comments of an effective recipe.
func (r *Recipe) restoreOrigins(data []byte) {
	if !bytes.HasPrefix(data, []byte(effectiveMark)) {
		return
	}
	source := ""
	for line := range strings.SplitSeq(string(data), "\n") {
		if s, ok := strings.CutPrefix(line, "# read from "); ok && source == "" {
			source = s
			continue
		}
		m := effectiveLine.FindStringSubmatch(line)
		if m == nil || optionTable().byKey[m[1]] == nil {
			continue
		}
		o := Origin{}
		switch m[2] {
		case "default":
			delete(r.origins, m[1])
			continue
		case "model":
			o.Kind = OriginModel
		case "command line":
			o.Kind = OriginCommandLine
		case "edit":
			o.Kind = OriginEdit
		default:
			n, _ := strconv.Atoi(m[3])
			o = Origin{Kind: OriginFile, File: source, Line: n}
		}
		r.origins[m[1]] = o
	}
	r.source, r.original = source, nil
}
