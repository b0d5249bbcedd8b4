package dataset

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A folder or hub repository says which files make up a split in one of three
// ways, tried in this order as HF datasets does: the configs entry of its
// README.md, shards named data/SPLIT-00000-of-00002.*, or the words train,
// validation and test (and their relatives) in folder or file names.

var splitWords = []struct {
	split string
	words []string
}{
	{"train", []string{"train", "training"}},
	{"validation", []string{"validation", "valid", "dev", "val"}},
	{"test", []string{"test", "testing", "eval", "evaluation"}},
}

var shardName = regexp.MustCompile(`^data/(\w+(?:\.\w+)*)-\d{5}-of-\d{5}.*\.[^/]*$`)

// repoConfig is an entry of README.md's configs.
type repoConfig struct {
	Name      string    `yaml:"config_name"`
	Default   bool      `yaml:"default"`
	DataDir   string    `yaml:"data_dir"`
	DataFiles yaml.Node `yaml:"data_files"`
}

// splitFiles picks, out of the relative paths of a repository or folder, the
// data files of one split in reading order. readme is README.md's content, nil
// when there is none; what names the place in messages.
func splitFiles(what string, paths []string, readme []byte, config, split string) ([]string, error) {
	if split == "" {
		split = "train"
	}
	paths = slices.DeleteFunc(slices.Clone(paths), hidden)
	sort.Strings(paths)
	splits, err := configuredSplits(what, paths, readme, config)
	if err != nil {
		return nil, err
	}
	if splits == nil {
		if config != "" && config != "default" {
			return nil, fmt.Errorf("%s has no configuration %q: its README.md lists none; leave the configuration out", what, config)
		}
		splits = namedSplits(dataFiles(paths))
	}
	for name := range splits {
		if splits[name] = sameKind(dataFiles(splits[name])); len(splits[name]) == 0 {
			delete(splits, name)
		}
	}
	if len(splits) == 0 {
		return nil, fmt.Errorf("%s has no data file that can be read (%s, also with .gz or .zst); name a file or another folder",
			what, strings.Join(extensions(), ", "))
	}
	files, ok := splits[split]
	if !ok {
		return nil, fmt.Errorf("%s has no split %q; it has %s", what, split, quotedList(sortedKeys(splits)))
	}
	return files, nil
}

// hidden: files and folders that begin with a dot or two underscores.
func hidden(p string) bool {
	return slices.ContainsFunc(strings.Split(p, "/"), func(part string) bool {
		return strings.HasPrefix(part, ".") || strings.HasPrefix(part, "__")
	})
}

func dataFiles(paths []string) []string {
	var out []string
	for _, p := range paths {
		switch path.Base(p) {
		case "README.md", "config.json", "dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json":
			continue
		}
		if opener(p) != nil {
			out = append(out, p)
		}
	}
	return out
}

// kindOf is the extension with compression left off; the JSON ones are one kind.
func kindOf(p string) string {
	lower := strings.ToLower(p)
	for _, packed := range []string{".gz", ".zst", ".zstd"} {
		lower = strings.TrimSuffix(lower, packed)
	}
	switch ext := path.Ext(lower); ext {
	case ".json", ".jsonl", ".ndjson":
		return ".json"
	case ".txt", ".text":
		return ".txt"
	default:
		return ext
	}
}

// drawOrder decides between kinds of which a folder has the same number, as
// datasets does; any other kind comes first the later its name.
var drawOrder = []string{".parquet", ".json", ".csv"}

// sameKind keeps the files of the most frequent kind: a folder often has its
// data twice or notes beside it.
func sameKind(files []string) []string {
	count := map[string]int{}
	for _, f := range files {
		count[kindOf(f)]++
	}
	best := ""
	before := func(kind, other string) bool {
		a, b := slices.Index(drawOrder, kind), slices.Index(drawOrder, other)
		if a < 0 || b < 0 {
			return a > b || a == b && kind > other
		}
		return a < b
	}
	for _, kind := range sortedKeys(count) {
		if best == "" || count[kind] > count[best] || count[kind] == count[best] && before(kind, best) {
			best = kind
		}
	}
	return slices.DeleteFunc(slices.Clone(files), func(f string) bool { return kindOf(f) != best })
}

func namedSplits(files []string) map[string][]string {
	splits := map[string][]string{}
	for _, f := range files {
		if m := shardName.FindStringSubmatch(f); m != nil {
			splits[m[1]] = append(splits[m[1]], f)
		}
	}
	if len(splits) > 0 {
		return splits
	}
	for _, inFolder := range []bool{true, false} {
		for _, sw := range splitWords {
			words := strings.Join(sw.words, "|")
			pattern := regexp.MustCompile(`(?:^|[-._ 0-9])(?:` + words + `)[-._ 0-9]`)
			if inFolder {
				pattern = regexp.MustCompile(`(?:^|[-._ 0-9])(?:` + words + `)(?:$|[-._ 0-9])`)
			}
			for _, f := range files {
				parts := strings.Split(f, "/")
				names := parts[len(parts)-1:]
				if inFolder {
					names = parts[:len(parts)-1]
				}
				if slices.ContainsFunc(names, pattern.MatchString) {
					splits[sw.split] = append(splits[sw.split], f)
				}
			}
		}
		if len(splits) > 0 {
			return splits
		}
	}
	if len(files) > 0 {
		splits["train"] = files
	}
	return splits
}

// configuredSplits follows README.md's configs; nil when it has none.
func configuredSplits(what string, paths []string, readme []byte, name string) (map[string][]string, error) {
	configs := readConfigs(readme)
	if len(configs) == 0 {
		return nil, nil
	}
	var names []string
	chosen := -1
	for i, c := range configs {
		names = append(names, c.Name)
		switch {
		case name != "" && c.Name == name,
			name == "" && (c.Default || len(configs) == 1),
			name == "" && c.Name == "default" && chosen < 0:
			chosen = i
		}
	}
	if chosen < 0 && name == "" {
		return nil, fmt.Errorf("%s has several configurations; choose one of %s (owner/name:configuration)", what, quotedList(names))
	}
	if chosen < 0 {
		return nil, fmt.Errorf("%s has no configuration %q; it has %s", what, name, quotedList(names))
	}
	c := configs[chosen]
	if c.DataDir != "" {
		dir := strings.Trim(path.Clean(c.DataDir), "/") + "/"
		var inside []string
		for _, p := range paths {
			if rest, ok := strings.CutPrefix(p, dir); ok {
				inside = append(inside, rest)
			}
		}
		splits := namedSplits(dataFiles(inside))
		for s := range splits {
			for i := range splits[s] {
				splits[s][i] = dir + splits[s][i]
			}
		}
		return splits, nil
	}
	splits := map[string][]string{}
	if err := addPatterns(splits, "train", &c.DataFiles, paths); err != nil {
		return nil, fmt.Errorf("%s: README.md, configuration %q: %w", what, c.Name, err)
	}
	if len(splits) == 0 {
		return nil, nil
	}
	return splits, nil
}

func readConfigs(readme []byte) []repoConfig {
	text := strings.TrimPrefix(strings.ReplaceAll(string(readme), "\r\n", "\n"), "\ufeff")
	rest, ok := strings.CutPrefix(text, "---\n")
	if !ok {
		return nil
	}
	head, _, ok := strings.Cut(rest, "\n---")
	if !ok {
		return nil
	}
	var card struct {
		Configs []repoConfig `yaml:"configs"`
	}
	if yaml.Unmarshal([]byte(head), &card) != nil { // a card for people only
		return nil
	}
	for i := range card.Configs {
		if card.Configs[i].Name == "" {
			card.Configs[i].Name = "default"
		}
	}
	return card.Configs
}

// addPatterns reads data_files: a pattern, a list of patterns, or a list of
// {split, path}.
func addPatterns(splits map[string][]string, split string, n *yaml.Node, paths []string) error {
	switch n.Kind {
	case yaml.ScalarNode:
		re, err := globPattern(n.Value)
		if err != nil {
			return err
		}
		for _, p := range paths {
			if re.MatchString(p) && !slices.Contains(splits[split], p) {
				splits[split] = append(splits[split], p)
			}
		}
	case yaml.SequenceNode:
		for _, item := range n.Content {
			if err := addPatterns(splits, split, item, paths); err != nil {
				return err
			}
		}
	case yaml.MappingNode:
		var entry struct {
			Split string    `yaml:"split"`
			Path  yaml.Node `yaml:"path"`
		}
		if err := n.Decode(&entry); err != nil || entry.Split == "" {
			return fmt.Errorf("line %d: data_files needs entries with split and path", n.Line)
		}
		return addPatterns(splits, entry.Split, &entry.Path, paths)
	}
	return nil
}

// globPattern turns a file pattern (*, **, ?, [...], {a,b}) into an expression.
func globPattern(pattern string) (*regexp.Regexp, error) {
	var b strings.Builder
	b.WriteString("^")
	pattern = strings.TrimPrefix(pattern, "./")
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case strings.HasPrefix(pattern[i:], "**/"):
			b.WriteString("(?:.*/)?")
			i += 2
		case strings.HasPrefix(pattern[i:], "**"):
			b.WriteString(".*")
			i++
		case c == '*':
			b.WriteString("[^/]*")
		case c == '?':
			b.WriteString("[^/]")
		case c == '[' && strings.IndexByte(pattern[i:], ']') > 1:
			end := i + strings.IndexByte(pattern[i:], ']')
			class := strings.ReplaceAll(pattern[i+1:end], `\`, `\\`)
			b.WriteString("[" + strings.Replace(class, "!", "^", 1) + "]")
			i = end
		case c == '{':
			b.WriteString("(?:")
		case c == '}':
			b.WriteString(")")
		case c == ',':
			b.WriteString("|")
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	re, err := regexp.Compile(b.String() + "$")
	if err != nil {
		return nil, fmt.Errorf("the file pattern %q cannot be understood; check its brackets", pattern)
	}
	return re, nil
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

func quotedList(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = fmt.Sprintf("%q", n)
	}
	return strings.Join(quoted, ", ")
}
