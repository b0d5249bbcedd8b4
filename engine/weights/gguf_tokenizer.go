package weights

import (
	"fmt"
	"strings"
)

// Kinds of tokens in tokenizer.ggml.token_type.
const (
	ggufTokenControl     = 3
	ggufTokenUserDefined = 4
	ggufTokenUnused      = 5
)

// ggufTokenizer is what a GGUF file says about its tokenizer, checked and ready to be written as tokenizer.json.
type ggufTokenizer struct {
	tokens  []string
	types   []int64 // one a token; empty when the file has none
	vocab   map[string]int
	merges  [][2]string
	pre     preTokenizer
	addBOS  bool
	addEOS  bool
	special map[string]*int // bos, eos, unk, pad → id
	endTurn *int            // end of a chat turn, where the model has one beside eos
}

// tokenizer reads the tokenizer of the file. Byte-level BPE ("gpt2") and SentencePiece BPE ("llama") are supported.
func (g *GGUF) tokenizer() (*ggufTokenizer, error) {
	t := &ggufTokenizer{
		tokens:  g.Strings("tokenizer.ggml.tokens"),
		special: map[string]*int{"bos": g.tokenID("bos"), "eos": g.tokenID("eos"), "unk": g.tokenID("unknown"), "pad": g.tokenID("padding")},
		endTurn: g.tokenID("eot"),
	}
	t.types, _ = g.meta["tokenizer.ggml.token_type"].([]int64)
	if len(t.tokens) == 0 {
		return nil, fmt.Errorf("the file carries no tokenizer (tokenizer.ggml.tokens)")
	}
	if len(t.types) != 0 && len(t.types) != len(t.tokens) {
		return nil, fmt.Errorf("the tokenizer has %d tokens but %d token types", len(t.tokens), len(t.types))
	}
	if err := t.index(); err != nil {
		return nil, err
	}
	for which, id := range t.special {
		if id != nil && (*id < 0 || *id >= len(t.tokens)) {
			return nil, fmt.Errorf("the %s token id %d is not in the vocabulary of %d tokens", which, *id, len(t.tokens))
		}
	}
	var err error
	switch kind := g.String("tokenizer.ggml.model"); kind {
	case "gpt2":
		err = t.readByteLevel(g)
	case "llama":
		err = t.readSentencePiece(g)
	default:
		err = fmt.Errorf("tokenizer model %q is not supported; supported are gpt2 (byte-level BPE) and llama (SentencePiece BPE)", kind)
	}
	if add, ok := g.Bool("tokenizer.ggml.add_bos_token"); ok {
		t.addBOS = add
	}
	t.addEOS, _ = g.Bool("tokenizer.ggml.add_eos_token")
	return t, err
}

// index builds the vocabulary; entries that only pad it to a round size are left out.
func (t *ggufTokenizer) index() error {
	t.vocab = make(map[string]int, len(t.tokens))
	for id, token := range t.tokens {
		if t.kind(id) == ggufTokenUnused {
			continue
		}
		if first, twice := t.vocab[token]; twice {
			return fmt.Errorf("token %q is in the vocabulary twice, as %d and %d", token, first, id)
		}
		t.vocab[token] = id
	}
	return nil
}

func (t *ggufTokenizer) kind(id int) int64 {
	if len(t.types) == 0 {
		return 0
	}
	return t.types[id]
}

func (t *ggufTokenizer) readByteLevel(g *GGUF) error {
	name := g.String("tokenizer.ggml.pre")
	pre, ok := byteLevelPreTokenizers[name]
	switch {
	case name == "":
		return fmt.Errorf("the file does not say how text is split before BPE (tokenizer.ggml.pre), so ids could be wrong; convert the model again with a current llama.cpp")
	case !ok:
		return fmt.Errorf("the pre-tokenizer %q (tokenizer.ggml.pre) is not supported; supported are %s", name, supportedPreTokenizers())
	}
	t.pre, t.addBOS = pre, pre.addBOS
	for i, merge := range g.Strings("tokenizer.ggml.merges") {
		// The separator is the first space after the first character: the left part is never empty.
		cut := -1
		if len(merge) > 1 {
			cut = strings.IndexByte(merge[1:], ' ') + 1
		}
		if cut <= 0 || cut == len(merge)-1 {
			return fmt.Errorf("merge %d of the tokenizer, %q, is not a pair of tokens", i, merge)
		}
		pair := [2]string{merge[:cut], merge[cut+1:]}
		for _, part := range []string{pair[0], pair[1], pair[0] + pair[1]} {
			if _, known := t.vocab[part]; !known {
				return fmt.Errorf("merge %d of the tokenizer, %q, uses %q, which is not in the vocabulary", i, merge, part)
			}
		}
		t.merges = append(t.merges, pair)
	}
	return nil
}

// token returns the text of a special token (bos, eos, unk, pad), "" when there is none.
func (t *ggufTokenizer) token(which string) string {
	if id := t.special[which]; id != nil {
		return t.tokens[*id]
	}
	return ""
}

// file is the contents of tokenizer.json.
func (t *ggufTokenizer) file() map[string]any {
	model := map[string]any{
		"type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": nil, "end_of_word_suffix": nil,
		"fuse_unk": false, "byte_fallback": false, "ignore_merges": t.pre.ignoreMerges, "vocab": t.vocab, "merges": t.merges,
	}
	if t.merges == nil {
		model["merges"] = [][2]string{}
	}
	if t.pre.sentencePiece {
		model["byte_fallback"], model["fuse_unk"], model["unk_token"] = true, true, t.token("unk")
	}
	return map[string]any{
		"version": "1.0", "truncation": nil, "padding": nil,
		"added_tokens": t.addedTokens(), "normalizer": t.pre.normalizer, "pre_tokenizer": t.pre.split,
		"post_processor": t.postProcessor(), "decoder": t.pre.decoder, "model": model,
	}
}

func (t *ggufTokenizer) addedTokens() []map[string]any {
	added := []map[string]any{}
	for id, token := range t.tokens {
		kind := t.kind(id)
		special := kind == ggufTokenControl || t.pre.sentencePiece && token == t.token("unk")
		if !special && kind != ggufTokenUserDefined {
			continue
		}
		added = append(added, map[string]any{
			"id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": special,
		})
	}
	return added
}

// postProcessor puts bos in front and eos behind where the file asks for it; nil otherwise.
func (t *ggufTokenizer) postProcessor() any {
	bos, eos := t.token("bos"), t.token("eos")
	if !t.addBOS {
		bos = ""
	}
	if !t.addEOS {
		eos = ""
	}
	if bos == "" && eos == "" {
		return nil
	}
	specials := map[string]any{}
	piece := func(text string, kind int) []any {
		if text == "" {
			return nil
		}
		specials[text] = map[string]any{"id": text, "ids": []int{t.vocab[text]}, "tokens": []string{text}}
		return []any{map[string]any{"SpecialToken": map[string]any{"id": text, "type_id": kind}}}
	}
	sequence := func(id string, kind int) []any {
		middle := map[string]any{"Sequence": map[string]any{"id": id, "type_id": kind}}
		return append(append(piece(bos, kind), middle), piece(eos, kind)...)
	}
	return map[string]any{
		"type": "TemplateProcessing", "single": sequence("A", 0), "pair": append(sequence("A", 0), sequence("B", 1)...),
		"special_tokens": specials,
	}
}

// config is the contents of tokenizer_config.json.
func (t *ggufTokenizer) config(maxLength int) map[string]any {
	config := map[string]any{
		"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": maxLength, "clean_up_tokenization_spaces": false,
	}
	for which := range t.special {
		if token := t.token(which); token != "" {
			config[which+"_token"] = token
		}
	}
	return config
}

// generationConfig is the contents of generation_config.json: generation ends at eos, and at the end of a turn where
// that is another token.
func (t *ggufTokenizer) generationConfig() map[string]any {
	config := map[string]any{"_from_model_config": true}
	for which, key := range map[string]string{"bos": "bos_token_id", "eos": "eos_token_id", "pad": "pad_token_id"} {
		if id := t.special[which]; id != nil {
			config[key] = *id
		}
	}
	if eos := t.special["eos"]; t.endTurn != nil && eos != nil && *eos != *t.endTurn {
		config["eos_token_id"] = []int{*eos, *t.endTurn}
	}
	return config
}
