package recipes

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxRecipeBytes bounds what is read as a recipe; real ones have a few kilobytes.
const maxRecipeBytes = 4 << 20

// Load reads a recipe file. The error is an Errors with one sentence for each
// thing wrong, or tells that the file could not be read.
func Load(path string) (*Recipe, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("recipe %s does not exist", path)
	case err != nil:
		return nil, fmt.Errorf("recipe %s cannot be read: %w", path, err)
	case info.IsDir():
		return nil, fmt.Errorf("recipe %s is a folder; name the YAML file in it", path)
	case info.Size() > maxRecipeBytes:
		return nil, fmt.Errorf("recipe %s has %d bytes, which is too large for a recipe; is it a data file?", path, info.Size())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("recipe %s cannot be read: %w", path, err)
	}
	return Parse(path, data)
}

// exists reports whether a path names something.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Parse reads a recipe from memory; name is what errors call it.
func Parse(name string, data []byte) (*Recipe, error) {
	root, err := parseYAML(name, data)
	if err != nil {
		return nil, Errors{err}
	}
	r := Default()
	r.source = name
	r.original = bytes.Clone(data)
	if root == nil {
		return r, nil
	}
	if looksLikeAccelerate(root) {
		return nil, Errors{{File: name, Message: "this is a launch configuration of accelerate, not a recipe; `sftui recipe show` explains it"}}
	}
	if err := otherTrainer(name, root); err != nil {
		return nil, Errors{err}
	}
	if errs := r.apply(name, root); len(errs) > 0 {
		return nil, errs
	}
	r.restoreOrigins(data)
	return r, nil
}

// parseYAML returns the top mapping, nil for an empty document.
func parseYAML(name string, data []byte) (*yaml.Node, *Error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(data) {
		return nil, &Error{File: name, Message: "is not UTF-8 text; save it as UTF-8"}
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if strings.Contains(err.Error(), "EOF") {
			return nil, nil
		}
		return nil, yamlError(name, data, err)
	}
	if len(doc.Content) == 0 || isNull(doc.Content[0]) {
		return nil, nil
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, &Error{File: name, Line: root.Line, Message: "a recipe must be lines of `key: value`, but " + found(root)}
	}
	var second yaml.Node
	if err := dec.Decode(&second); err == nil {
		return nil, &Error{File: name, Line: second.Line, Message: "a second document begins here (---); a recipe is one document"}
	}
	return root, nil
}

var yamlLine = regexp.MustCompile(`line (\d+): `)

// yamlError explains a syntax error; a tab in the indentation is the usual one.
func yamlError(name string, data []byte, err error) *Error {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 0
	if m := yamlLine.FindStringSubmatchIndex(message); m != nil {
		line, _ = strconv.Atoi(message[m[2]:m[3]])
		message = message[:m[0]] + message[m[1]:]
	}
	if n := tabLine(data, line); n > 0 {
		return &Error{File: name, Line: n, Message: "the line is indented with a tab, which YAML forbids; use spaces"}
	}
	return &Error{File: name, Line: line, Message: "is not valid YAML: " + message}
}

// tabLine returns the first line at or around the given one that begins with a tab, 0 when there is none.
func tabLine(data []byte, line int) int {
	for i, l := range bytes.Split(data, []byte("\n")) {
		indent := l[:len(l)-len(bytes.TrimLeft(l, " \t"))]
		if bytes.ContainsRune(indent, '\t') && len(bytes.TrimSpace(l)) > 0 && (line == 0 || i+1 >= line-1) {
			return i + 1
		}
	}
	return 0
}

// apply sets every option that the mapping names and collects what is wrong.
func (r *Recipe) apply(name string, root *yaml.Node) Errors {
	pairs, err := pairsOf(root)
	if err != nil {
		return Errors{located(name, "", root.Line, err)}
	}
	pairs = r.fromTRLMixture(pairs)
	var errs Errors
	table := optionTable()
	given := map[string]bool{}
	for _, p := range pairs {
		given[p.key.Value] = true
	}
	for _, p := range pairs {
		key := p.key.Value
		if o, ok := table.byKey[key]; ok {
			if err := r.assign(o, p.value, Origin{Kind: OriginFile, File: name, Line: p.key.Line}); err != nil {
				errs = append(errs, located(name, key, p.key.Line, fmt.Errorf("%s %w", key, err)))
			}
			continue
		}
		if old, ok := oldName(key); ok {
			if err := r.applyOld(old, p.value, given[old.Replacement], Origin{Kind: OriginFile, File: name, Line: p.key.Line}); err != nil {
				errs = append(errs, located(name, key, p.key.Line, fmt.Errorf("%s %w", key, err)))
			}
			continue
		}
		if isHolder(p, root) {
			continue
		}
		errs = append(errs, &Error{File: name, Line: p.key.Line, Key: key, Message: UnknownKey(key)})
	}
	return errs
}

// located makes an Error of a decoding error, at its own line where it knows it.
func located(name, key string, line int, err error) *Error {
	var inner *keyError
	if errors.As(err, &inner) {
		if inner.key != "" {
			key = inner.key
		}
		return &Error{File: name, Line: inner.line, Key: key, Message: inner.message}
	}
	return &Error{File: name, Line: line, Key: key, Message: err.Error()}
}

// isHolder recognizes a top-level mapping that exists only to be merged with << elsewhere.
func isHolder(p pair, root *yaml.Node) bool {
	if p.value.Anchor == "" || p.value.Kind != yaml.MappingNode {
		return false
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		if root.Content[i].ShortTag() != "!!merge" {
			continue
		}
		for _, v := range append([]*yaml.Node{root.Content[i+1]}, root.Content[i+1].Content...) {
			if v.Kind == yaml.AliasNode && v.Alias == p.value {
				return true
			}
		}
	}
	return false
}

// assign decodes a node into the option's field and remembers where it came from.
func (r *Recipe) assign(o *option, n *yaml.Node, from Origin) error {
	v, err := o.decode(n)
	if err != nil {
		return err
	}
	o.field(r).Set(v)
	r.origins[o.key] = from
	return nil
}

// applyOld takes an old name's value over, unless the current name is given too.
func (r *Recipe) applyOld(old OldName, value *yaml.Node, replaced bool, from Origin) error {
	note := Note{Key: old.Name, Line: from.Line, English: old.English, Chinese: old.Chinese, Severity: SeverityNote}
	if on, err := decodeBool(resolve(value)); old.alters && !isNull(resolve(value)) && (err != nil || on == true) {
		note.Severity = SeverityWarning
	}
	defer func() { r.addNote(note) }()
	if !old.Kept() {
		return nil
	}
	if replaced {
		note.English = fmt.Sprintf("%s is ignored because %s, its current name, is given too.", old.Name, old.Replacement)
		note.Chinese = fmt.Sprintf("已给出现名 %[2]s，因此忽略 %[1]s。", old.Name, old.Replacement)
		return nil
	}
	if old.convert != nil {
		if value = old.convert(value); value == nil {
			return nil
		}
	}
	return r.assign(optionTable().byKey[old.Replacement], value, from)
}

// addNote keeps one note a key.
func (r *Recipe) addNote(n Note) {
	for i := range r.notes {
		if r.notes[i].Key == n.Key {
			r.notes[i] = n
			return
		}
	}
	r.notes = append(r.notes, n)
}
