package dataset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// tokenRoles are the special tokens that have a name in tokenizer_config.json.
var tokenRoles = []string{"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}

// addedToken is an entry of tokenizer.json's added_tokens.
type addedToken struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

// tokenizerFile is what this package reads of tokenizer.json itself; the rest
// is the backend's.
type tokenizerFile struct {
	AddedTokens   []addedToken    `json:"added_tokens"`
	PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
	Normalizer    json.RawMessage `json:"normalizer"`
	Model         json.RawMessage `json:"model"`
	PostProcessor json.RawMessage `json:"post_processor"`
	Truncation    json.RawMessage `json:"truncation"`
	Padding       json.RawMessage `json:"padding"`
}

// tokenizerConfig is what tokenizer_config.json and the files beside it say.
type tokenizerConfig struct {
	specials  map[string]string
	extra     []addedToken // to be added, ids not yet known (-1)
	split     bool         // split_special_tokens: special tokens spelled in a text are text
	padNamed  bool         // there is an entry pad_token, null or not
	class     string       // tokenizer_class without Fast
	legacy    bool         // of a LlamaTokenizer
	template  string
	templates map[string]string
}

// readTokenizerConfig reads tokenizer_config.json in its old (token dicts,
// added_tokens_decoder, special_tokens_map.json) and new style. A file that is
// not there is not an error.
func readTokenizerConfig(dir string) (tokenizerConfig, error) {
	c := tokenizerConfig{specials: map[string]string{}, templates: map[string]string{}}
	raw, err := readJSONObject(filepath.Join(dir, "tokenizer_config.json"))
	if err != nil {
		return c, err
	}
	decoder, hasDecoder := raw.values["added_tokens_decoder"]
	if hasDecoder {
		tokens, err := decodeAddedTokens(decoder)
		if err != nil {
			return c, fmt.Errorf("%s: added_tokens_decoder: %w", filepath.Join(dir, "tokenizer_config.json"), err)
		}
		c.extra = tokens
	} else {
		legacy, err := readJSONObject(filepath.Join(dir, "special_tokens_map.json"))
		if err != nil {
			return c, err
		}
		for _, k := range legacy.keys { // the older file wins over the config
			raw.set(k, legacy.values[k])
		}
	}
	c.readSpecials(raw)
	_, c.padNamed = raw.values["pad_token"]
	_ = json.Unmarshal(raw.values["tokenizer_class"], &c.class) // both stay empty where they are of another kind
	_ = json.Unmarshal(raw.values["legacy"], &c.legacy)
	c.class = strings.TrimSuffix(c.class, "Fast")
	_ = json.Unmarshal(raw.values["split_special_tokens"], &c.split) // stays false where it is no boolean
	return c, c.readTemplates(dir, raw.values["chat_template"])
}

func (c *tokenizerConfig) readSpecials(raw jsonObject) {
	add := func(tok addedToken) {
		tok.ID, tok.Special = -1, true
		if !slices.ContainsFunc(c.extra, func(a addedToken) bool { return a.Content == tok.Content }) {
			c.extra = append(c.extra, tok)
		}
	}
	for _, role := range tokenRoles {
		if tok, ok := parseToken(raw.values[role]); ok {
			c.specials[role] = tok.Content
			add(tok)
		}
	}
	named := func(name string, value json.RawMessage) {
		if tok, ok := parseToken(value); ok {
			c.specials[name] = tok.Content
			add(tok)
		}
	}
	// A model's own roles, such as image_token, are special tokens and variables of the template, too.
	for _, name := range raw.keys {
		if value := raw.values[name]; strings.HasSuffix(name, "_token") && !slices.Contains(tokenRoles, name) && value[0] == '"' {
			named(name, value)
		}
	}
	list := raw.values["extra_special_tokens"]
	own, err := parseJSONObject(list)
	if err == nil {
		for _, name := range own.keys {
			named(name, own.values[name])
		}
	}
	if len(own.keys) > 0 || len(list) == 0 || string(list) == "null" || string(list) == "[]" {
		list = raw.values["additional_special_tokens"]
	}
	var items []json.RawMessage
	if json.Unmarshal(list, &items) != nil {
		return
	}
	for _, item := range items {
		if tok, ok := parseToken(item); ok {
			add(tok)
		}
	}
}

func (c *tokenizerConfig) readTemplates(dir string, raw json.RawMessage) error {
	if len(raw) > 0 && string(raw) != "null" {
		var one string
		var list []struct{ Name, Template string }
		var named map[string]string
		switch {
		case json.Unmarshal(raw, &one) == nil:
			c.template = one
		case json.Unmarshal(raw, &list) == nil:
			for _, t := range list {
				c.templates[t.Name] = t.Template
			}
		case json.Unmarshal(raw, &named) == nil:
			c.templates = named
		default:
			return fmt.Errorf("%s: chat_template is neither a string nor a list of {name, template}; correct it or put the template into chat_template.jinja",
				filepath.Join(dir, "tokenizer_config.json"))
		}
	}
	// Files of their own win over the entry in the configuration.
	if data, err := os.ReadFile(filepath.Join(dir, "chat_template.jinja")); err == nil {
		c.template, c.templates = "", map[string]string{"default": string(data)}
	}
	more, _ := filepath.Glob(filepath.Join(dir, "additional_chat_templates", "*.jinja"))
	for _, path := range more {
		if data, err := os.ReadFile(path); err == nil {
			c.templates[strings.TrimSuffix(filepath.Base(path), ".jinja")] = string(data)
		}
	}
	if t, ok := c.templates["default"]; ok {
		c.template = t
	} else if c.template != "" && len(c.templates) > 0 {
		c.templates["default"] = c.template
	}
	if len(c.templates) == 0 || (len(c.templates) == 1 && c.template != "") {
		c.templates = nil
	}
	return nil
}

// jsonObject is a JSON object with its keys in the order of the file, which
// decides the ids of tokens that are added.
type jsonObject struct {
	keys   []string
	values map[string]json.RawMessage
}

func (o *jsonObject) set(key string, value json.RawMessage) {
	if _, known := o.values[key]; !known {
		o.keys = append(o.keys, key)
	}
	o.values[key] = value
}

// parseJSONObject decodes an object; a key that comes twice has its last value.
func parseJSONObject(data []byte) (jsonObject, error) {
	o := jsonObject{values: map[string]json.RawMessage{}}
	if err := json.Unmarshal(data, &o.values); err != nil {
		return o, err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	if _, err := decoder.Token(); err != nil {
		return o, err
	}
	seen := map[string]bool{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return o, err
		}
		if key, _ := token.(string); !seen[key] {
			seen[key] = true
			o.keys = append(o.keys, key)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return o, err
		}
	}
	return o, nil
}

// readJSONObject reads a JSON object; a missing file is an empty object.
func readJSONObject(path string) (jsonObject, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return jsonObject{values: map[string]json.RawMessage{}}, nil
	}
	if err != nil {
		return jsonObject{}, fmt.Errorf("%s cannot be read: %w", path, err)
	}
	o, err := parseJSONObject(data)
	if err != nil {
		return o, fmt.Errorf("%s is not a JSON object: %w; correct or download it again", path, err)
	}
	return o, nil
}

// parseToken reads a token written as a string or as an AddedToken dict.
func parseToken(raw json.RawMessage) (addedToken, bool) {
	if len(raw) == 0 || string(raw) == "null" {
		return addedToken{}, false
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return addedToken{Content: s, ID: -1, Special: true}, true
	}
	tok, err := parseAddedToken(raw)
	return tok, err == nil && tok.Content != ""
}

func parseAddedToken(raw json.RawMessage) (addedToken, error) {
	var v struct {
		addedToken
		Normalized *bool `json:"normalized"`
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return addedToken{}, err
	}
	tok := v.addedToken
	tok.ID = -1
	tok.Normalized = !tok.Special
	if v.Normalized != nil {
		tok.Normalized = *v.Normalized
	}
	return tok, nil
}

func decodeAddedTokens(raw json.RawMessage) ([]addedToken, error) {
	var byID map[string]json.RawMessage
	if err := json.Unmarshal(raw, &byID); err != nil {
		return nil, err
	}
	out := make([]addedToken, 0, len(byID))
	for key, value := range byID {
		id, err := strconv.ParseInt(key, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("%q is not a token id", key)
		}
		tok, err := parseAddedToken(value)
		if err != nil {
			return nil, fmt.Errorf("token %s: %w", key, err)
		}
		tok.ID = int32(id)
		out = append(out, tok)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].ID < out[j].ID })
	return out, nil
}

// effectiveFile is tokenizer.json as transformers uses it: the tokens that the
// configuration adds are in, and the truncation and padding that some files
// carry are out, for transformers sets both by call.
func (t *Tokenizer) effectiveFile(data []byte, c tokenizerConfig, change func(*Tokenizer)) ([]byte, error) {
	changed := t.addTokens(c.extra)
	if change != nil {
		change(t)
		changed = true
	}
	if !changed && isNull(t.file.Truncation) && isNull(t.file.Padding) {
		return data, nil
	}
	var top map[string]json.RawMessage
	if err := json.Unmarshal(data, &top); err != nil {
		return nil, err
	}
	top["truncation"], top["padding"] = json.RawMessage("null"), json.RawMessage("null")
	added, err := json.Marshal(t.added)
	if err != nil {
		return nil, err
	}
	top["added_tokens"] = added
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(top); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// addTokens merges the configuration's tokens into t.added and reports whether
// that changed anything.
func (t *Tokenizer) addTokens(extra []addedToken) bool {
	index := map[string]int{}
	next := int32(0)
	for i, a := range t.added {
		index[a.Content] = i
		next = max(next, a.ID+1)
	}
	changed := false
	for _, tok := range extra {
		if tok.Content == "" {
			continue
		}
		if i, ok := index[tok.Content]; ok {
			if tok.ID < 0 { // named by role only: the file's own entry stands
				continue
			}
			tok.ID = t.added[i].ID
			if tok != t.added[i] {
				t.added[i], changed = tok, true
			}
			continue
		}
		t.loadVocab()
		if id, ok := t.vocab[tok.Content]; ok {
			tok.ID = id
		} else {
			tok.ID = max(next, int32(len(t.pieces)))
			next = tok.ID + 1
		}
		index[tok.Content] = len(t.added)
		t.added = append(t.added, tok)
		changed = true
	}
	return changed
}
