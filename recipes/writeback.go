package recipes

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// scalarKind shortens a comparison that several files make.
const scalarKind = yaml.ScalarNode

// WriteBack writes the recipe's values into the user's own YAML: only lines whose
// value differs change; comments, order, blank lines and spelling of everything
// else stay. Options without a line of their own are added behind their group's
// last line, or at the end. Values taken from the model are not written.
func (r *Recipe) WriteBack(original []byte) ([]byte, error) {
	was, err := Parse(r.nameOr("recipe"), original)
	if err != nil {
		return nil, fmt.Errorf("the recipe cannot be written back into a file that cannot be read: %w", err)
	}
	root, perr := parseYAML("", original)
	if perr != nil {
		return nil, perr
	}
	changes := Diff(was, r)
	if len(changes) == 0 {
		return bytes.Clone(original), nil
	}
	w := newLineEditor(original, root)
	if w.flow {
		return r.unfolded(w.lines[:root.Line-1]), nil
	}
	// Through anchors and merge keys one line can mean several options: those
	// that changed although they should not have are then written out too.
	for range maxDepth {
		for _, c := range changes {
			w.write(r, optionTable().byKey[c.Key])
		}
		out := w.bytes()
		now, err := Parse(r.nameOr("recipe"), out)
		if err != nil && w.writeAliases(r) { // the line with their anchor is gone
			changes = nil
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("the recipe could not be written back: %w", err)
		}
		changes = Diff(now, r)
		changes = slices.DeleteFunc(changes, func(c Change) bool { return r.origins[c.Key].Kind == OriginModel })
		if len(changes) == 0 {
			return out, nil
		}
	}
	return nil, fmt.Errorf("%s could not be written back as %s, because its line is shared through an anchor or a merge key; write it out", changes[0].Key, changes[0].B)
}

func (r *Recipe) nameOr(name string) string {
	if r.source != "" {
		return r.source
	}
	return name
}

// unfolded writes a recipe that was one {…} with a line for each key, behind
// the lines that stood before it: an edit inside of braces cannot keep its
// comments anyway.
func (r *Recipe) unfolded(head []string) []byte {
	own := r.Clone()
	for key, o := range own.origins {
		if o.Kind == OriginModel {
			delete(own.origins, key)
		}
	}
	var b bytes.Buffer
	for _, l := range head {
		b.WriteString(l + "\n")
	}
	b.Write(own.setOptions())
	return b.Bytes()
}

// writeAliases writes out the options whose whole value is an alias, once.
func (w *lineEditor) writeAliases(r *Recipe) bool {
	found := false
	for _, key := range w.order {
		sp, o := w.spans[key], optionTable().byKey[key]
		if o == nil || sp.value.Kind != yaml.AliasNode || sp.written {
			continue
		}
		w.replace(sp, r, o)
		sp.written, found = true, true
	}
	return found
}

// span is where an entry stands: lines from ≤ i < to.
type span struct {
	from, to int
	key      *yaml.Node
	value    *yaml.Node
	written  bool // its alias was replaced by the value itself
}

// lineEditor changes single entries of a YAML text.
type lineEditor struct {
	lines   []string // without line ends
	ends    []string // the line ends
	newline string
	final   bool // the text ends with a line end
	spans   map[string]*span
	order   []string
	flow    bool // the whole recipe is one {…}
	added   map[int][]string
}

// newLineEditor finds the lines of each top-level entry.
func newLineEditor(text []byte, root *yaml.Node) *lineEditor {
	w := &lineEditor{newline: "\n", spans: map[string]*span{}, added: map[int][]string{}}
	s := string(text)
	if strings.Contains(s, "\r\n") {
		w.newline = "\r\n"
	}
	w.final = s == "" || strings.HasSuffix(s, "\n")
	if s != "" {
		for line := range strings.SplitSeq(strings.TrimSuffix(s, "\n"), "\n") {
			bare, returned := strings.CutSuffix(line, "\r")
			end := "\n"
			if returned {
				end = "\r\n"
			}
			w.lines, w.ends = append(w.lines, bare), append(w.ends, end)
		}
		if !w.final && strings.HasSuffix(s, "\r") { // a return alone ends nothing
			w.lines[len(w.lines)-1] += "\r"
		}
	}
	if root == nil {
		return w
	}
	w.flow = root.Style&yaml.FlowStyle != 0
	for i := 0; i+1 < len(root.Content); i += 2 {
		next := len(w.lines)
		if i+2 < len(root.Content) {
			next = root.Content[i+2].Line - 1
		}
		k := root.Content[i]
		sp := &span{from: k.Line - 1, to: w.trimEnd(k.Line-1, next, k.Column-1), key: k, value: root.Content[i+1]}
		w.spans[k.Value] = sp
		w.order = append(w.order, k.Value)
	}
	return w
}

// trimEnd moves the end of an entry in front of blank lines, comments and
// document marks that belong to what follows.
func (w *lineEditor) trimEnd(from, to, indent int) int {
	for to > from+1 {
		l := w.lines[to-1]
		t := strings.TrimLeft(l, " ")
		outer := len(l)-len(t) <= indent
		if t == "" || outer && (strings.HasPrefix(t, "#") || t == "..." || t == "---") {
			to--
			continue
		}
		break
	}
	return to
}

// write changes, adds or removes the lines of one option.
func (w *lineEditor) write(r *Recipe, o *option) {
	sp := w.find(o.key)
	reset := !r.IsSet(o.key)
	switch {
	case sp == nil && r.origins[o.key].Kind == OriginModel: // not the user's
	case sp == nil:
		w.add(o, strings.TrimSuffix(r.entry(o), "\n"))
	case reset:
		w.remove(sp)
	default:
		w.replace(sp, r, o)
	}
}

// find returns the entry of the option under its own or an old name.
func (w *lineEditor) find(key string) *span {
	if sp, ok := w.spans[key]; ok {
		return sp
	}
	for _, old := range OldNames() {
		if sp, ok := w.spans[old.Name]; ok && old.Replacement == key {
			return sp
		}
	}
	return nil
}

// removed stands in place of a line that is dropped when the text is put together.
const removed = "\x00"

func (w *lineEditor) remove(sp *span) {
	for i := sp.from; i < sp.to; i++ {
		w.lines[i] = removed
	}
}

// replace writes a new value; a comment behind the key's line stays.
func (w *lineEditor) replace(sp *span, r *Recipe, o *option) {
	head := w.lines[sp.from]
	lead := head[:len(head)-len(strings.TrimLeft(head, " "))]
	comment := trailingComment(head, sp)
	n := o.node(o.field(r))
	multi := n.Kind != yaml.ScalarNode && len(n.Content) > 0 || n.Style == yaml.LiteralStyle
	anchor := ""
	if sp.value.Anchor != "" && !multi {
		anchor = "&" + sp.value.Anchor + " "
	}
	staysFlow := n.Kind != yaml.ScalarNode && sp.value.Style&yaml.FlowStyle != 0
	text := o.key + ": " + anchor + o.inline(o.field(r))
	if multi && !staysFlow {
		text = strings.TrimSuffix(r.entry(o), "\n")
	}
	lines := strings.Split(text, "\n")
	if comment != "" {
		lines[0] += comment
	}
	for i := range lines {
		if lines[i] != "" {
			lines[i] = lead + lines[i]
		}
	}
	w.remove(sp)
	w.lines[sp.from] = strings.Join(lines, "\n")
}

// trailingComment returns the comment at the end of the entry's first line with the blanks before it.
func trailingComment(head string, sp *span) string {
	c := sp.value.LineComment
	if c == "" {
		c = sp.key.LineComment
	}
	if c == "" || strings.Contains(c, "\n") {
		return ""
	}
	i := strings.LastIndex(head, c)
	if i < 0 {
		return ""
	}
	j := len(strings.TrimRight(head[:i], " \t"))
	return head[j:]
}

// add puts a new entry behind the last entry of the option's group, or at the end.
func (w *lineEditor) add(o *option, text string) {
	after := -1
	for _, key := range w.order {
		if other, ok := optionTable().byKey[key]; ok && other.group == o.group {
			after = w.spans[key].to - 1
		}
	}
	if after < 0 {
		for _, key := range w.order {
			after = max(after, w.spans[key].to-1)
		}
	}
	if after < 0 {
		after = len(w.lines) - 1
	}
	w.added[after] = append(w.added[after], text)
}

// bytes puts the text together; lines that stay keep their own line ends.
func (w *lineEditor) bytes() []byte {
	var lines, ends []string
	put := func(end string, texts ...string) {
		for _, t := range texts {
			lines, ends = append(lines, strings.ReplaceAll(t, "\n", w.newline)), append(ends, end)
		}
	}
	put(w.newline, w.added[-1]...)
	for i, l := range w.lines {
		if l != removed {
			put(w.ends[i], l)
		}
		put(w.newline, w.added[i]...)
	}
	var b bytes.Buffer
	for i, l := range lines {
		b.WriteString(l)
		if i < len(lines)-1 || w.final {
			b.WriteString(ends[i])
		}
	}
	return b.Bytes()
}
