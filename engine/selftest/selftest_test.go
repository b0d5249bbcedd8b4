package selftest

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sftui/dataset"
	"sftui/engine/compute"
)

// exact is a model whose loss for a token depends on the tokens before it in its own row, as a real one's does. Faults
// can be switched on.
type exact struct {
	compute.Trainer
	leaks      bool // packed rows see each other
	grows      bool // a step raises the loss
	trainsMask bool // masked rows have a gradient
	broken     error

	pending float64
	shift   float64
}

func (e *exact) Info() compute.Info { return compute.Info{Vocabulary: 50000, DType: "float32"} }

func (e *exact) Eval(b compute.Batch) (compute.Micro, error) {
	var m compute.Micro
	for r, row := range b.InputIDs {
		seen := 0.0
		for i, id := range row {
			if b.PositionIDs != nil && b.PositionIDs[r][i] == 0 && !e.leaks {
				seen = 0
			}
			if b.Labels[r][i] != dataset.IgnoreIndex && i > 0 {
				m.LossSum += 1 + seen/1e6 + e.shift
				m.Trained++
			}
			seen += float64(id)
		}
	}
	return m, e.broken
}

func (e *exact) Micro(b compute.Batch) (compute.Micro, error) {
	m, err := e.Eval(b)
	e.pending += m.LossSum
	return m, err
}

func (e *exact) Step(lr, _ float64, _ int64) (compute.Step, error) {
	norm := e.pending
	if e.trainsMask {
		norm++
	}
	e.pending = 0
	if e.grows {
		lr = -lr
	}
	e.shift -= lr
	return compute.Step{GradNorm: norm}, nil
}

// bytesTokenizer is a model folder whose tokens are single bytes.
func bytesTokenizer(t *testing.T, template, eos string) *dataset.Tokenizer {
	t.Helper()
	dir := t.TempDir()
	vocab := map[string]int{}
	for b := range 256 {
		r := rune(b)
		// The byte alphabet: printable bytes stand for themselves, the others are counted up from 256.
		if b < '!' || b > '~' && b < 0xa1 || b == 0xad {
			n := 0
			for c := range b {
				if c < '!' || c > '~' && c < 0xa1 || c == 0xad {
					n++
				}
			}
			r = rune(256 + n)
		}
		vocab[string(r)] = b
	}
	vocab["<end>"] = 256
	byteLevel := map[string]any{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}
	files := map[string]any{
		"tokenizer.json": map[string]any{
			"version": "1.0", "truncation": nil, "padding": nil, "normalizer": nil, "post_processor": nil,
			"added_tokens":  []any{map[string]any{"id": 256, "content": "<end>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}},
			"pre_tokenizer": byteLevel, "decoder": byteLevel,
			"model": map[string]any{"type": "BPE", "vocab": vocab, "merges": []any{}, "byte_fallback": false, "fuse_unk": false, "ignore_merges": false},
		},
		"tokenizer_config.json": map[string]any{"eos_token": eos, "pad_token": "<end>", "chat_template": template},
	}
	for name, value := range files {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tok, err := dataset.OpenTokenizer(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tok.Close() })
	return tok
}

const goodTemplate = "{% for m in messages %}{{ m.role }}: {{ m.content }}<end>{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"

// states runs checks and returns the outcome of each by name.
func states(run func(emit func(Check))) map[string]Check {
	out := map[string]Check{}
	run(func(c Check) { out[c.Name] = c })
	return out
}

func TestModelChecks(t *testing.T) {
	tok := bytesTokenizer(t, goodTemplate, "<end>")
	for name, test := range map[string]struct {
		model  exact
		failed string // the one check that must fail, "" for none
	}{
		"sound":           {exact{}, ""},
		"packing leaks":   {exact{leaks: true}, "packed = padded"},
		"mask is trained": {exact{trainsMask: true}, "masked rows give no gradient"},
		"wrong direction": {exact{grows: true}, "a step lowers the loss"},
	} {
		t.Run(name, func(t *testing.T) {
			for check, c := range states(func(emit func(Check)) { Model(&test.model, tok, emit) }) {
				if want := check == test.failed; (c.State == Failed) != want {
					t.Errorf("%s: %s, %s", check, c.State, c.Detail)
				}
			}
		})
	}
	broken := exact{broken: errors.New("no memory")}
	for check, c := range states(func(emit func(Check)) { Model(&broken, tok, emit) }) {
		if c.State != Failed || c.Detail != "no memory" {
			t.Errorf("%s: %s, %s", check, c.State, c.Detail)
		}
	}
}

func TestTokenizerChecks(t *testing.T) {
	for name, test := range map[string]struct {
		template, eos string
		check         string
		state         State
		detail        string
	}{
		"sound":            {goodTemplate, "<end>", "assistant's turn ends with eos", OK, "id 256"},
		"another eos":      {goodTemplate, "!", "assistant's turn ends with eos", Warning, `"!" does not follow the answer`},
		"no template":      {"", "<end>", "chat template renders", Warning, "no chat template"},
		"broken template":  {"{{ messages[0].content.nothing() }}", "<end>", "chat template renders", Failed, ""},
		"unlike its start": {"{% if add_generation_prompt %}>{% endif %}" + goodTemplate, "<end>", "prompt begins the conversation", Warning, "add_generation_prompt"},
	} {
		t.Run(name, func(t *testing.T) {
			tok := bytesTokenizer(t, test.template, test.eos)
			found := states(func(emit func(Check)) { Tokenizer(tok, emit) })
			c, ok := found[test.check]
			if !ok || c.State != test.state || !strings.Contains(c.Detail, test.detail) {
				t.Errorf("%+v", c)
			}
			if trip := found["tokenizer gives text back"]; trip.State != OK {
				t.Errorf("%+v", trip)
			}
		})
	}
}
