package compute

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
)

// Token is a token of the vocabulary; an empty Text means that there is none.
type Token struct {
	Text string
	ID   int32
}

// SpecialTokens are the tokens that a model was trained with. What an export names as end, padding and begin is
// brought to them as TRL and transformers' Trainer bring a model's configs to its tokenizer.
type SpecialTokens struct {
	EOS, PAD, BOS Token
	// Chosen says that the end token was asked for and is not only the tokenizer's own: config.json then names it alone,
	// and generation_config.json names it before the ones it has.
	Chosen bool
	// Cloned says that the end token came with another tokenizer's chat template: generation_config.json names it alone.
	Cloned bool
}

// Files of a model folder that name special tokens.
const (
	configFile        = "config.json"
	generationFile    = "generation_config.json"
	tokenizerFile     = "tokenizer_config.json"
	specialTokensFile = "special_tokens_map.json"
)

// folderSpecials are the files of a model folder that name ids of special tokens.
type folderSpecials struct {
	whole      *object // config.json
	config     *object // the language model's part of it
	generation *object
	derived    bool // there is no generation_config.json: generation is what transformers makes up
}

func readSpecials(modelDir string) (f folderSpecials, err error) {
	if f.whole, err = readObject(filepath.Join(modelDir, configFile)); err != nil {
		return f, err
	}
	if f.config, err = f.whole.text(); err != nil {
		return f, err
	}
	f.generation, err = readObject(filepath.Join(modelDir, generationFile))
	if errors.Is(err, fs.ErrNotExist) {
		f.generation, err, f.derived = generationOf(f.config), nil, true
	}
	return f, err
}

// write writes the files of dir, beside config.json, that name special tokens, from those of modelDir. An adapter
// takes a generation_config.json that the source lacks from its base model.
func (t *SpecialTokens) write(modelDir, dir string, adapter bool) error {
	f, err := readSpecials(modelDir)
	if err != nil {
		return err
	}
	if !f.derived || !adapter {
		_, ids := t.align(f.config, f.generation)
		if err := f.generation.write(filepath.Join(dir, generationFile), ids); err != nil {
			return err
		}
	}
	for _, name := range []string{tokenizerFile, specialTokensFile} {
		o, err := readObject(filepath.Join(modelDir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = o.write(filepath.Join(dir, name), t.texts())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// modelConfig is config.json of modelDir with the special tokens' ids.
func (t *SpecialTokens) modelConfig(modelDir string) ([]byte, error) {
	f, err := readSpecials(modelDir)
	if err != nil {
		return nil, err
	}
	ids, _ := t.align(f.config, f.generation)
	data, err := f.config.with(ids)
	if err != nil || f.config == f.whole {
		return data, err
	}
	return f.whole.with([]field{{textConfig, json.RawMessage(data)}})
}

// StopIDs are the tokens that end a reply of what is exported from modelDir: eos_token_id of the generation_config.json
// that write gives it, by which transformers' generate stops.
func (t *SpecialTokens) StopIDs(modelDir string) ([]int32, error) {
	f, err := readSpecials(modelDir)
	if err != nil {
		return nil, err
	}
	_, fields := t.align(f.config, f.generation)
	data, err := f.generation.with(fields)
	if err != nil {
		return nil, err
	}
	ids, _ := (&object{f.generation.name, data}).ids("eos_token_id")
	return ids, nil
}

// texts are the fields of a tokenizer's files.
func (t *SpecialTokens) texts() []field {
	var fields []field
	for _, f := range []struct {
		key   string
		token Token
	}{{"eos_token", t.EOS}, {"pad_token", t.PAD}} {
		if f.token.Text != "" {
			fields = append(fields, field{f.key, f.token.Text})
		}
	}
	return fields
}

// align settles the ids of config.json and generation_config.json. TRL first sets what was chosen and the padding;
// when training begins, transformers adds what the tokenizer has and either of the two lacks.
func (t *SpecialTokens) align(config, generation *object) (forConfig, forGeneration []field) {
	set := func(key string, inConfig, inGeneration any) {
		forConfig, forGeneration = append(forConfig, field{key, inConfig}), append(forGeneration, field{key, inGeneration})
	}
	if id := t.EOS.ID; t.EOS.Text != "" {
		const key = "eos_token_id"
		mine, several := config.ids(key)
		stops, severalStops := generation.ids(key)
		switch {
		case t.Cloned:
			set(key, id, id)
		case t.Chosen && slices.Contains(stops, id):
			set(key, id, listed(stops, severalStops))
		case t.Chosen:
			set(key, id, first(id, stops))
		case slices.Contains(mine, id) && slices.Contains(stops, id):
		case several:
			set(key, first(id, mine), first(id, stops))
		default:
			set(key, id, first(id, stops))
		}
	}
	if t.PAD.Text != "" {
		set("pad_token_id", t.PAD.ID, t.PAD.ID)
	}
	if t.BOS.Text != "" {
		set("bos_token_id", t.BOS.ID, t.BOS.ID)
	}
	return forConfig, forGeneration
}

// first puts id at the head of ids, once.
func first(id int32, ids []int32) []int32 {
	list := []int32{id}
	for _, other := range ids {
		if other != id {
			list = append(list, other)
		}
	}
	return list
}

// listed is ids as they stood: a number or a list.
func listed(ids []int32, several bool) any {
	if several {
		return ids
	}
	return ids[0]
}

// textConfig is where a model for more than text keeps its language model's configuration.
const textConfig = "text_config"

// generationOf is what transformers makes of a model without generation_config.json.
func generationOf(config *object) *object {
	o := &object{name: generationFile, data: []byte("{\n  \"_from_model_config\": true\n}\n")}
	for _, key := range []string{"bos_token_id", "eos_token_id", "pad_token_id"} {
		if ids, several := config.ids(key); len(ids) > 0 {
			// Setting a field of an object that was just made cannot fail.
			o.data, _ = o.with([]field{{key, listed(ids, several)}})
		}
	}
	return o
}
