package weights

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// ggufTokenNormal is the kind of a token that text is made of.
const ggufTokenNormal = 1

// tokenizerFile is what of tokenizer.json goes into a GGUF file.
type tokenizerFile struct {
	Model struct {
		Type         string          `json:"type"`
		Vocab        json.RawMessage `json:"vocab"`
		Merges       []ggufMerge     `json:"merges"`
		ByteFallback bool            `json:"byte_fallback"`
		IgnoreMerges bool            `json:"ignore_merges"`
	} `json:"model"`
	AddedTokens []struct {
		ID      int    `json:"id"`
		Content string `json:"content"`
		Special bool   `json:"special"`
	} `json:"added_tokens"`
	Normalizer    any             `json:"normalizer"`
	PreTokenizer  any             `json:"pre_tokenizer"`
	PostProcessor json.RawMessage `json:"post_processor"`
}

// ggufMerge is a merge in GGUF's spelling; tokenizer.json has it as a string or as a pair.
type ggufMerge string

func (m *ggufMerge) UnmarshalJSON(text []byte) error {
	var pair [2]string
	if json.Unmarshal(text, &pair) == nil {
		*m = ggufMerge(pair[0] + " " + pair[1])
		return nil
	}
	return json.Unmarshal(text, (*string)(m))
}

// addTokenizer writes the tokenizer and the chat template of the folder.
func (m *exportedModel) addTokenizer(w *ggufWriter) error {
	path := filepath.Join(m.dir, "tokenizer.json")
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("export GGUF: %w", err)
	}
	var file tokenizerFile
	if err := json.Unmarshal(text, &file); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	pre, err := file.preTokenizerName()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	tokens, types, err := file.tokens(m.VocabSize)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	merges := make([]string, len(file.Model.Merges))
	for i, merge := range file.Model.Merges {
		merges[i] = string(merge)
	}
	w.set("tokenizer.ggml.model", "gpt2")
	w.set("tokenizer.ggml.pre", pre)
	w.set("tokenizer.ggml.tokens", tokens)
	w.set("tokenizer.ggml.token_type", types)
	w.set("tokenizer.ggml.merges", merges)
	return m.addSpecials(w, &file, tokens)
}

// preTokenizerName finds the value of tokenizer.ggml.pre that stands for the way the file splits text. Without one
// the ids would be wrong in places, so there is no default.
func (f *tokenizerFile) preTokenizerName() (string, error) {
	if f.Model.Type != "BPE" || f.Model.ByteFallback {
		return "", errors.New("only tokenizers of the byte-level BPE kind are written to GGUF; llama.cpp's convert_hf_to_gguf.py takes the folder")
	}
	for _, name := range []string{"gpt-2", "smollm", "llama-bpe", "dbrx", "qwen2", "stablelm2", "tekken", "gpt-4o"} {
		known := byteLevelPreTokenizers[name]
		if known.ignoreMerges == f.Model.IgnoreMerges && sameParts(known.split, f.PreTokenizer) && sameParts(known.normalizer, f.Normalizer) {
			return name, nil
		}
	}
	return "", errors.New("its pre_tokenizer and normalizer are none that llama.cpp has a name for, so text would be split wrongly; llama.cpp's convert_hf_to_gguf.py may know it")
}

// sameParts compares parts of a tokenizer.json; trim_offsets does not change ids.
func sameParts(a, b any) bool {
	text, err := json.Marshal(a)
	if err != nil {
		return false
	}
	var known any
	if err := json.Unmarshal(text, &known); err != nil {
		return false
	}
	return reflect.DeepEqual(withoutOffsets(known), withoutOffsets(b))
}

func withoutOffsets(part any) any {
	switch v := part.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, value := range v {
			if key != "trim_offsets" {
				out[key] = withoutOffsets(value)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = withoutOffsets(value)
		}
		return out
	}
	return part
}

// tokens lists the vocabulary by id, filled up to the rows of the embedding, and the kind of each token.
func (f *tokenizerFile) tokens(size int) ([]string, []int32, error) {
	var vocab map[string]int
	if err := json.Unmarshal(f.Model.Vocab, &vocab); err != nil {
		return nil, nil, fmt.Errorf("model.vocab: %w", err)
	}
	tokens, types := make([]string, size), make([]int32, size)
	place := func(id int, text string, kind int32) error {
		if id < 0 || id >= size {
			return fmt.Errorf("the token %q has the id %d where the embedding has %d rows", text, id, size)
		}
		tokens[id], types[id] = text, kind
		return nil
	}
	for text, id := range vocab {
		if err := place(id, text, ggufTokenNormal); err != nil {
			return nil, nil, err
		}
	}
	for _, t := range f.AddedTokens {
		kind := int32(ggufTokenUserDefined)
		if t.Special {
			kind = ggufTokenControl
		}
		if err := place(t.ID, t.Content, kind); err != nil {
			return nil, nil, err
		}
	}
	for id := range tokens {
		if types[id] == 0 {
			tokens[id], types[id] = fmt.Sprintf("[PAD%d]", id), ggufTokenUnused
		}
	}
	return tokens, types, nil
}

// addSpecials writes which tokens begin and end a text and a turn, and the chat template.
func (m *exportedModel) addSpecials(w *ggufWriter, f *tokenizerFile, tokens []string) error {
	config, err := readObject(filepath.Join(m.dir, "tokenizer_config.json"))
	if err != nil {
		return err
	}
	ids := map[string]int{}
	for _, special := range []struct{ name, key string }{{"bos_token", "bos"}, {"eos_token", "eos"}, {"unk_token", "unknown"}, {"pad_token", "padding"}} {
		id := slices.Index(tokens, tokenText(config[special.name]))
		if id < 0 {
			continue
		}
		ids[special.key] = id
		w.set("tokenizer.ggml."+special.key+"_token_id", uint32(id))
	}
	if turn, ok := m.endOfTurn(ids["eos"]); ok && turn < len(tokens) {
		w.set("tokenizer.ggml.eot_token_id", uint32(turn))
	}
	bos, hasBOS := ids["bos"]
	w.set("tokenizer.ggml.add_bos_token", hasBOS && addsToken(f.PostProcessor, tokens[bos]))
	template, err := chatTemplateOf(m.dir, config)
	if template != "" {
		w.set("tokenizer.chat_template", template)
	}
	return err
}

// endOfTurn is the other token that generation_config.json ends a reply with, where there is one.
func (m *exportedModel) endOfTurn(eos int) (int, bool) {
	generation, err := readObject(filepath.Join(m.dir, "generation_config.json"))
	if err != nil {
		return 0, false
	}
	var ends []int
	if json.Unmarshal(generation["eos_token_id"], &ends) != nil {
		return 0, false
	}
	for _, id := range ends {
		if id != eos && id >= 0 {
			return id, true
		}
	}
	return 0, false
}

// addsToken says whether a post-processor puts a token in front of every text.
func addsToken(postProcessor json.RawMessage, token string) bool {
	var p struct {
		Single []struct {
			SpecialToken *struct {
				ID string `json:"id"`
			}
		} `json:"single"`
		Processors []json.RawMessage `json:"processors"`
	}
	if json.Unmarshal(postProcessor, &p) != nil {
		return false
	}
	if len(p.Single) > 0 && p.Single[0].SpecialToken != nil && p.Single[0].SpecialToken.ID == token {
		return true
	}
	return slices.ContainsFunc(p.Processors, func(inner json.RawMessage) bool { return addsToken(inner, token) })
}

// chatTemplateOf reads the template from its own file or from tokenizer_config.json.
func chatTemplateOf(dir string, config map[string]json.RawMessage) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, "chat_template.jinja"))
	if err == nil {
		return string(text), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("export GGUF: %w", err)
	}
	return plainText(config["chat_template"]), nil // "" for several named templates: the format has room for one
}

// tokenText is a special token's text, given as a string or as an object.
func tokenText(raw json.RawMessage) string {
	if text := plainText(raw); text != "" {
		return text
	}
	var object struct {
		Content string `json:"content"`
	}
	if json.Unmarshal(raw, &object) != nil {
		return ""
	}
	return object.Content
}

// plainText is a JSON string's text, "" for any other value.
func plainText(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return ""
	}
	return text
}

// readObject reads a JSON object; a file that is not there is an empty one.
func readObject(path string) (map[string]json.RawMessage, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]json.RawMessage{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("export GGUF: %w", err)
	}
	object := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(string(text), "\ufeff")), &object); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return object, nil
}
