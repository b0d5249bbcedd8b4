package compute

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// chatModel is SmolLM2's way of naming its tokens: 0 <|endoftext|>, 1 <|im_start|>, 2 <|im_end|>.
func chatModel() map[string]string {
	return map[string]string{
		configFile:        `{"model_type": "llama", "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2, "vocab_size": 49152}`,
		generationFile:    `{"_from_model_config": true, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2}`,
		tokenizerFile:     `{"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "pad_token": "<|im_end|>", "model_max_length": 8192}`,
		specialTokensFile: `{"bos_token": "<|im_start|>", "eos_token": {"content": "<|im_end|>", "lstrip": false}, "pad_token": "<|im_end|>"}`,
	}
}

// TestSpecialTokensAsTRLSavesThem holds what save_model of TRL 1.16 wrote after a step of training.
func TestSpecialTokensAsTRLSavesThem(t *testing.T) {
	text, start, end := Token{"<|endoftext|>", 0}, Token{"<|im_start|>", 1}, Token{"<|im_end|>", 2}
	noPad := map[string]string{
		configFile:     `{"bos_token_id": 1, "eos_token_id": 2}`,
		generationFile: `{"bos_token_id": 1, "eos_token_id": [2, 0]}`,
		tokenizerFile:  `{"bos_token": "<|im_start|>", "eos_token": "<|im_end|>"}`,
	}
	cases := []struct {
		name                         string
		files                        map[string]string // in place of chatModel's; "" is no file
		tokens                       SpecialTokens
		eos, pad, stops, padOfConfig string
	}{
		{"nothing chosen", nil, SpecialTokens{EOS: end, PAD: end, BOS: start}, "2", "<|im_end|>", "2", "2"},
		{"eos_token", nil, SpecialTokens{EOS: text, PAD: end, BOS: start, Chosen: true}, "0", "<|im_end|>", "[0,2]", "2"},
		{"eos_token as it was", nil, SpecialTokens{EOS: end, PAD: end, BOS: start, Chosen: true}, "2", "<|im_end|>", "2", "2"},
		{"pad_token", nil, SpecialTokens{EOS: end, PAD: text, BOS: start}, "2", "<|endoftext|>", "2", "0"},
		{"chat_template_path with a tokenizer", nil, SpecialTokens{EOS: text, PAD: end, BOS: start, Chosen: true, Cloned: true}, "0", "<|im_end|>", "0", "2"},
		{"eos_token and pad_token", nil, SpecialTokens{EOS: start, PAD: text, BOS: start, Chosen: true}, "1", "<|endoftext|>", "[1,2]", "0"},
		{"no padding token", noPad, SpecialTokens{EOS: end, PAD: end, BOS: start}, "2", "<|im_end|>", "[2,0]", "2"},
		{"no padding token, eos_token", noPad, SpecialTokens{EOS: start, PAD: start, BOS: start, Chosen: true}, "1", "<|im_start|>", "[1,2,0]", "1"},
		{"no generation_config", map[string]string{generationFile: ""}, SpecialTokens{EOS: text, PAD: end, BOS: start, Chosen: true}, "0", "<|im_end|>", "[0,2]", "2"},
		{"no generation_config, nothing chosen", map[string]string{generationFile: ""}, SpecialTokens{EOS: end, PAD: end, BOS: start}, "2", "<|im_end|>", "2", "2"},
		// The rules of align_special_tokens, by its source.
		{"generation_config without the tokenizer's", map[string]string{generationFile: `{"eos_token_id": [1]}`}, SpecialTokens{EOS: end, PAD: end, BOS: start}, "2", "<|im_end|>", "[2,1]", "2"},
		{"config with several", map[string]string{configFile: `{"eos_token_id": [1, 0]}`}, SpecialTokens{EOS: end, PAD: end, BOS: start}, "[2,1,0]", "<|im_end|>", "[2]", "2"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			from, to := t.TempDir(), t.TempDir()
			files := chatModel()
			for name, text := range c.files {
				files[name] = text
			}
			writeFiles(t, from, files)
			if err := c.tokens.write(from, to, false); err != nil {
				t.Fatal(err)
			}
			data, err := c.tokens.modelConfig(from)
			if err != nil {
				t.Fatal(err)
			}
			config := fieldsOf(t, data)
			generation := fieldsOf(t, readFile(t, filepath.Join(to, generationFile)))
			got := []string{config["eos_token_id"], config["pad_token_id"], generation["eos_token_id"], generation["pad_token_id"], generation["bos_token_id"]}
			want := []string{c.eos, c.padOfConfig, c.stops, c.padOfConfig, "1"}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("eos and pad of config, stops, pad and bos of generation_config are %q, want %q", got, want)
			}
			stops, err := c.tokens.StopIDs(from)
			if text := strings.Trim(c.stops, "[]"); err != nil || strings.Trim(strings.ReplaceAll(fmt.Sprint(stops), " ", ","), "[]") != text {
				t.Errorf("a reply ends at %v (%v), want %s", stops, err, text)
			}
			for _, name := range []string{tokenizerFile, specialTokensFile} {
				tokenizer := fieldsOf(t, readFile(t, filepath.Join(to, name)))
				if tokenizer["eos_token"] != `"`+c.tokens.EOS.Text+`"` || tokenizer["pad_token"] != `"`+c.pad+`"` {
					t.Errorf("%s has %v", name, tokenizer)
				}
			}
			if kept := fieldsOf(t, []byte(files[configFile])); kept["vocab_size"] != config["vocab_size"] {
				t.Errorf("config.json lost a field: %s", data)
			}
		})
	}
}

// TestSpecialTokensOfTextConfig sets the ids where a model for more than text keeps them.
func TestSpecialTokensOfTextConfig(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{configFile: "{\n  \"text_config\": {\"eos_token_id\": 2, \"hidden_size\": 8},\n  \"eos_token_id\": 9\n}"})
	tokens := SpecialTokens{EOS: Token{"a", 3}, Chosen: true}
	data, err := tokens.modelConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := "{\n  \"text_config\": {\"eos_token_id\": 3, \"hidden_size\": 8},\n  \"eos_token_id\": 9\n}"; string(data) != want {
		t.Errorf("got %s", data)
	}
	if err := tokens.write(dir, t.TempDir(), true); err != nil {
		t.Errorf("an adapter of a model without generation_config.json: %v", err)
	}
}

// FuzzObject sets a field of anything: an error, or an object that has it and keeps the rest.
func FuzzObject(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a": 1}`, "{\n}", `{"eos_token": "x", "eos_token": {"a": [1]}}`, `[]`, `{"a":`, ``, `{"a":1}}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o := &object{"test", []byte(text)}
		data, err := o.with([]field{{"eos_token", "<é>"}})
		if err != nil {
			return
		}
		var before, after map[string]any
		if json.Unmarshal([]byte(text), &before) != nil {
			return // more behind the object
		}
		if err := json.Unmarshal(data, &after); err != nil {
			t.Fatalf("%q became %q: %v", text, data, err)
		}
		before["eos_token"] = "<é>"
		if !reflect.DeepEqual(before, after) {
			t.Fatalf("%q became %q", text, data)
		}
	})
}

func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if text == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// fieldsOf are an object's fields as they are spelled, without spaces.
func fieldsOf(t *testing.T, data []byte) map[string]string {
	t.Helper()
	var raw map[string]any
	if err := json.Unmarshal(data, &raw); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	fields := map[string]string{}
	for key, value := range raw {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		fields[key] = strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(string(text))
	}
	return fields
}
