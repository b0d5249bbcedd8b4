package weights

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestExportGGUF converts a GGUF file to a folder, the folder back to GGUF and that to a folder again: both folders
// must be the same file by file.
func TestExportGGUF(t *testing.T) {
	for _, arch := range []string{"llama", "qwen2", "qwen3"} {
		dir := t.TempDir()
		first, again, path := filepath.Join(dir, "first"), filepath.Join(dir, "again"), filepath.Join(dir, "model.gguf")
		if err := ConvertGGUF(littleGGUF(arch).write(t), first, "float32"); err != nil {
			t.Fatal(err)
		}
		if err := ExportGGUF(first, path, ""); err != nil {
			t.Fatal(err)
		}
		if err := ConvertGGUF(path, again, "float32"); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"config.json", "generation_config.json", "tokenizer_config.json", "tokenizer.json", SingleFile} {
			a, err := os.ReadFile(filepath.Join(first, name))
			if err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(filepath.Join(again, name))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(a, b) {
				t.Errorf("%s: %s changed:\n%.400s\n→\n%.400s", arch, name, a, b)
			}
		}
	}
}

// TestExportGGUFConfigs checks what becomes of the keys that published configs have beside a GGUF file's own: a list of
// end tokens as Llama 3's, keys of sliding windows as Qwen's, keys that are missing. Where layers slide, the context ends
// with the window, within which llama.cpp computes the same.
func TestExportGGUFConfigs(t *testing.T) {
	for _, c := range []struct {
		arch string
		edit func(map[string]any)
		want int
	}{
		{"llama", func(m map[string]any) { m["eos_token_id"] = []int{2, 3} }, 64},
		{"llama", func(m map[string]any) { m["sliding_window"] = 8 }, 64},
		{"llama", func(m map[string]any) {
			m["rope_scaling"] = map[string]any{"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 16}
		}, 64},
		{"llama", func(m map[string]any) { delete(m, "max_position_embeddings"); delete(m, "rms_norm_eps") }, 2048},
		{"llama", func(m map[string]any) { m["architectures"] = []string{mistral}; m["sliding_window"] = nil }, 64},
		{"llama", func(m map[string]any) { m["architectures"] = []string{mistral}; m["sliding_window"] = 8 }, 8},
		{"qwen2", func(m map[string]any) {
			m["sliding_window"] = 8
			m["use_sliding_window"] = false
			m["attention_bias"] = true
		}, 64},
		{"qwen2", func(m map[string]any) {
			m["sliding_window"] = 8
			m["use_sliding_window"], m["max_window_layers"] = true, 1
		}, 64},
		{"qwen2", func(m map[string]any) {
			m["sliding_window"] = 8
			m["use_sliding_window"], m["max_window_layers"] = true, 0
		}, 8},
		{"qwen3", func(m map[string]any) {
			m["sliding_window"], m["use_sliding_window"] = 8, true
			m["layer_types"] = []string{"sliding_attention"}
		}, 8},
		{"qwen3", func(m map[string]any) {
			m["rope_scaling"] = map[string]any{"rope_type": "yarn", "factor": 2, "beta_fast": 32}
		}, 64},
	} {
		dir := t.TempDir()
		folder, path := filepath.Join(dir, "model"), filepath.Join(dir, "model.gguf")
		if err := ConvertGGUF(littleGGUF(c.arch).write(t), folder, "float32"); err != nil {
			t.Fatal(err)
		}
		editJSON(t, filepath.Join(folder, "config.json"), func(m map[string]any) { m["max_position_embeddings"] = 64; c.edit(m) })
		if err := ExportGGUF(folder, path, ""); err != nil {
			t.Fatal(err)
		}
		g, err := OpenGGUF(path)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := g.Int(c.arch + ".context_length"); got != c.want {
			t.Errorf("%s: context_length %d, want %d", c.arch, got, c.want)
		}
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
		if err := ConvertGGUF(path, filepath.Join(dir, "again"), ""); err != nil {
			t.Errorf("%s: what was written is not read: %v", c.arch, err)
		}
	}
}

// TestExportGGUFTypes checks that matrices have the type asked for and vectors float32.
func TestExportGGUFTypes(t *testing.T) {
	dir := t.TempDir()
	folder, path := filepath.Join(dir, "model"), filepath.Join(dir, "model.gguf")
	if err := ConvertGGUF(littleGGUF("llama").write(t), folder, "float32"); err != nil {
		t.Fatal(err)
	}
	if err := ExportGGUF(folder, path, "bfloat16"); err != nil {
		t.Fatal(err)
	}
	g, err := OpenGGUF(path)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close() //nolint:errcheck // read only
	for _, name := range g.Names() {
		info, _ := g.Info(name)
		if want := map[int]string{1: F32, 2: BF16}[len(info.Shape)]; info.DType != want {
			t.Errorf("%s is stored as %s, want %s", name, info.DType, want)
		}
	}
}

// TestExportGGUFRefuses checks that what the format would not hold truthfully is refused with the reason.
func TestExportGGUFRefuses(t *testing.T) {
	for _, c := range []struct {
		file string
		edit func(map[string]any)
		want string
	}{
		{"config.json", func(m map[string]any) { m["architectures"] = []string{"Gemma3ForCausalLM"} }, "cannot be written for Gemma3ForCausalLM"},
		{"config.json", func(m map[string]any) { m["architectures"], m["head_dim"] = []string{"Qwen2ForCausalLM"}, 4 }, "heads that add up to hidden_size 6"},
		{"config.json", func(m map[string]any) { m["architectures"], m["attention_bias"] = []string{"Qwen3ForCausalLM"}, true }, "does not load Qwen3ForCausalLM with attention_bias"},
		{"config.json", func(m map[string]any) { m["vocab_size"] = 7 }, "has the shape [8 6] where config.json asks for [7 6]"},
		{"config.json", func(m map[string]any) { m["intermediate_size"] = 9 }, "has the shape [5 6] where config.json asks for [9 6]"},
		{"config.json", func(m map[string]any) { m["rope_scaling"] = map[string]any{"rope_type": "longrope"} }, `rope scaling of type "longrope"`},
		{"config.json", func(m map[string]any) {
			m["rope_scaling"] = map[string]any{"rope_type": "yarn", "factor": 2, "attention_factor": 0.5}
		}, "attention_factor is 0.5"},
		{"config.json", func(m map[string]any) { m["num_hidden_layers"] = 0 }, "must be positive numbers"},
		{"tokenizer.json", func(m map[string]any) { m["pre_tokenizer"] = map[string]any{"type": "Whitespace"} }, "text would be split wrongly"},
		{"tokenizer.json", func(m map[string]any) { m["model"].(map[string]any)["vocab"] = map[string]any{"late": 8} }, "where the embedding has 8 rows"},
		{"tokenizer.json", func(m map[string]any) { m["model"].(map[string]any)["type"] = "Unigram" }, "byte-level BPE"},
	} {
		dir := t.TempDir()
		folder := filepath.Join(dir, "model")
		if err := ConvertGGUF(littleGGUF("llama").write(t), folder, "float32"); err != nil {
			t.Fatal(err)
		}
		editJSON(t, filepath.Join(folder, c.file), c.edit)
		err := ExportGGUF(folder, filepath.Join(dir, "out.gguf"), "")
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.file, err, c.want)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*.gguf")); left != nil {
			t.Errorf("a refused export left %v", left)
		}
	}
}

func editJSON(t *testing.T, path string, edit func(map[string]any)) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	edit(m)
	if text, err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestPreTokenizerName checks that each way to split text that is written has the name it is read by.
func TestPreTokenizerName(t *testing.T) {
	for _, name := range []string{"gpt-2", "smollm", "llama-bpe", "dbrx", "qwen2", "stablelm2", "tekken", "gpt-4o"} {
		pre := byteLevelPreTokenizers[name]
		var f tokenizerFile
		text, err := json.Marshal(map[string]any{
			"model": map[string]any{"type": "BPE", "ignore_merges": pre.ignoreMerges}, "normalizer": pre.normalizer, "pre_tokenizer": pre.split,
		})
		if err == nil {
			err = json.Unmarshal(text, &f)
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.preTokenizerName()
		if err != nil || !reflect.DeepEqual(byteLevelPreTokenizers[got], pre) {
			t.Errorf("%s is written as %q: %v", name, got, err)
		}
	}
}
