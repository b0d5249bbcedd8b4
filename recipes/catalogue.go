package recipes

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

// texts holds the explanations: texts/en and texts/zh with a file a group,
// texts/status.yaml and texts/peers.yaml.
//
//go:embed texts
var texts embed.FS

// docText is an explanation as it stands in the text files.
type docText struct {
	Short        string `yaml:"short"`
	What         string `yaml:"what"`
	When         string `yaml:"when"`
	Memory       string `yaml:"memory"`
	Speed        string `yaml:"speed"`
	Quality      string `yaml:"quality"`
	Interactions string `yaml:"with"`
}

// statusText is the reason for a state in both languages.
type statusText struct {
	English string `yaml:"en"`
	Chinese string `yaml:"zh"`
}

// statusFile is texts/status.yaml: the one place that says what sftui honours.
type statusFile struct {
	Honoured    map[string]statusText `yaml:"honoured"`
	Accepted    map[string]statusText `yaml:"accepted"`
	Unsupported map[string]statusText `yaml:"unsupported"`
}

// peerNames are an option's names elsewhere, in texts/peers.yaml.
type peerNames struct {
	Axolotl      string `yaml:"axolotl"`
	LLaMAFactory string `yaml:"llamafactory"`
}

// catalogue is everything that the text files say.
type catalogue struct {
	english, chinese map[string]docText
	status           map[string]Status
	peers            map[string]Peers
}

// loadCatalogue reads the embedded texts once. They are checked by a test, so an
// error here means a broken build.
var loadCatalogue = sync.OnceValues(readCatalogue)

// readCatalogue parses every text file.
func readCatalogue() (*catalogue, error) {
	c := &catalogue{status: map[string]Status{}, peers: map[string]Peers{}}
	var err error
	if c.english, err = readDocs("texts/en"); err != nil {
		return c, err
	}
	if c.chinese, err = readDocs("texts/zh"); err != nil {
		return c, err
	}
	var s statusFile
	if err := readText("texts/status.yaml", &s); err != nil {
		return c, err
	}
	for state, keys := range map[State]map[string]statusText{Honoured: s.Honoured, Accepted: s.Accepted, Unsupported: s.Unsupported} {
		for key, why := range keys {
			if _, twice := c.status[key]; twice {
				return c, fmt.Errorf("texts/status.yaml: %s has two states", key)
			}
			c.status[key] = Status{State: state, English: why.English, Chinese: why.Chinese}
		}
	}
	var peers map[string]peerNames
	if err := readText("texts/peers.yaml", &peers); err != nil {
		return c, err
	}
	for key, p := range peers {
		c.peers[key] = Peers(p)
	}
	return c, nil
}

// readDocs reads every file of a language into one map.
func readDocs(dir string) (map[string]docText, error) {
	out := map[string]docText{}
	files, err := fs.Glob(texts, dir+"/*.yaml")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		var part map[string]docText
		if err := readText(f, &part); err != nil {
			return nil, err
		}
		for key, d := range part {
			if _, twice := out[key]; twice {
				return nil, fmt.Errorf("%s: %s is explained twice", f, key)
			}
			out[key] = d
		}
	}
	return out, nil
}

// readText decodes one embedded file, strictly.
func readText(path string, into any) error {
	data, err := texts.ReadFile(path)
	if err != nil {
		return err
	}
	dec := yaml.NewDecoder(strings.NewReader(string(data)))
	dec.KnownFields(true)
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// Fields returns every option with its explanations, in declaration order. The
// slice is the caller's own.
func Fields() []Field {
	c, err := loadCatalogue()
	if err != nil {
		c = &catalogue{}
	}
	defaults := Default()
	table := optionTable()
	out := make([]Field, 0, len(table.options))
	for _, o := range table.options {
		f := Field{
			Key: o.key, GoName: o.goName, Class: o.class, Group: o.group, Kind: o.kind, Nullable: o.nullable,
			Default: o.display(o.field(defaults)), Enum: o.enum, Min: o.min, Max: o.max,
			Doc:    Texts{English: c.english[o.key].doc(English), Chinese: c.chinese[o.key].doc(Chinese)},
			Peers:  c.peers[o.key],
			Status: c.status[o.key],
		}
		f.Help = f.Doc.English.Short
		out = append(out, f)
	}
	return out
}

// doc turns a text file's entry into an explanation.
func (t docText) doc(l Language) Doc {
	return Doc{Short: t.Short, What: t.What, When: t.When, Interactions: t.Interactions,
		Memory: effect(t.Memory, l), Speed: effect(t.Speed, l), Quality: effect(t.Quality, l)}
}

// effect reads "+ more with …" into sign and text; nothing means no effect.
func effect(s string, l Language) Effect {
	s = strings.TrimSpace(s)
	for _, sign := range []string{"+", "-", "±", "0"} {
		if rest, ok := strings.CutPrefix(s, sign); ok {
			return Effect{Sign: sign, Text: strings.TrimSpace(rest)}
		}
	}
	none := "no effect"
	if l == Chinese {
		none = "无影响"
	}
	return Effect{Sign: "0", Text: none}
}

// peerKey finds the option that another tool calls by this name.
func peerKey(name string) (key, tool string, ok bool) {
	c, err := loadCatalogue()
	if err != nil {
		return "", "", false
	}
	for _, k := range Keys() {
		p := c.peers[k]
		switch name {
		case p.Axolotl:
			return k, "axolotl", true
		case p.LLaMAFactory:
			return k, "LLaMA-Factory", true
		}
	}
	return "", "", false
}
