package dataset

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// parityCase is one preparation case of the reference.
type parityCase struct {
	Name       string
	Dataset    string
	Config     map[string]any
	Template   string  `json:"tokenizer_chat_template"`
	Formatting *string `json:"formatting_func"`
	DroppedIDs []int   `json:"dropped_ids"`
	Result     string
	Error      string
}

// parityRow is one prepared row of a case.
type parityRow struct {
	ID          *int
	Text        *string
	PromptText  *string `json:"prompt_text"`
	Before      int     `json:"n_tokens_before_truncation"`
	InputIDs    []int32 `json:"input_ids"`
	Labels      []int32
	SeqLengths  []int32 `json:"seq_lengths"`
	PositionIDs []int32 `json:"position_ids"`
}

// parityBatch is one collated batch of a case.
type parityBatch struct {
	InputIDs      [][]int32 `json:"input_ids"`
	Labels        [][]int32
	AttentionMask [][]int32 `json:"attention_mask"`
	PositionIDs   [][]int32 `json:"position_ids"`
}

// formattingTemplates are the reference's formatting functions as templates.
var formattingTemplates = map[string]string{
	"qa":               "### Question: {{ question }}\n### Answer: {{ answer }}",
	"messages_to_text": "{% for m in messages %}{{ m.role }}: {{ m.content }}{% if not loop.last %} {% endif %}{% endfor %}",
	"pc":               "{{ prompt }}||{{ completion }}",
	"upper":            "{{ text | upper }}",
}

// paritySetters set an option of SFTConfig by name.
var paritySetters = map[string]func(o *Options, value any){
	"max_length":           func(o *Options, value any) { n, _ := value.(float64); o.MaxLength = int(n) },
	"truncation_mode":      func(o *Options, value any) { o.TruncationMode = value.(string) },
	"packing":              func(o *Options, value any) { o.Packing = value.(bool) },
	"packing_strategy":     func(o *Options, value any) { o.PackingStrategy = value.(string) },
	"padding_free":         func(o *Options, value any) { o.PaddingFree = value.(bool) },
	"pad_to_multiple_of":   func(o *Options, value any) { o.PadToMultipleOf = int(value.(float64)) },
	"completion_only_loss": func(o *Options, value any) { b := value.(bool); o.CompletionOnlyLoss = &b },
	"assistant_only_loss":  func(o *Options, value any) { o.AssistantOnlyLoss = value.(bool) },
	"eos_token":            func(o *Options, value any) { o.EOSToken = value.(string) },
	"dataset_text_field":   func(o *Options, value any) { o.TextField = value.(string) },
	"shuffle_dataset":      func(o *Options, value any) { o.Shuffle = value.(bool) },
	"seed":                 func(o *Options, value any) { o.Seed = int64(value.(float64)) },
	"dataset_num_proc":     func(o *Options, value any) { o.DatasetNumProc = int(value.(float64)) },
	"dataset_kwargs": func(o *Options, value any) {
		o.SkipPrepare, _ = value.(map[string]any)["skip_prepare_dataset"].(bool)
	},
}

// templateFile reads a chat template from a file, or from the tokenizer of a folder.
func templateFile(t testing.TB, path string) string {
	t.Helper()
	if strings.HasSuffix(path, ".jinja") {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	tok, err := OpenTokenizer(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tok.Close() }()
	return tok.ChatTemplate()
}

// parityOptions are the options of a case's configuration.
func parityOptions(t testing.TB, dir string, c parityCase, sources map[string]string) Options {
	t.Helper()
	o := DefaultOptions()
	o.Now = time.Date(2025, 1, 15, 12, 0, 0, 0, time.UTC)
	if !strings.HasPrefix(c.Template, "SmolLM2") {
		o.ChatTemplate = sources[c.Template]
	}
	for key, value := range c.Config {
		if key == "chat_template_path" {
			o.ChatTemplate = templateFile(t, filepath.Join(dir, value.(string)))
			continue
		}
		set := paritySetters[key]
		if set == nil {
			t.Fatalf("%s: the option %s is not read by this test", c.Name, key)
		}
		set(&o, value)
	}
	if c.Formatting != nil {
		o.Formatting = formattingTemplates[*c.Formatting]
	}
	return o
}

// referenceTokenizer is SmolLM2's tokenizer with its chat template.
func referenceTokenizer(t testing.TB) *Tokenizer {
	t.Helper()
	tok, err := OpenTokenizer(filepath.Join(referenceDir(t), "models", "tiny-llama"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tok.Close() })
	return tok
}

func TestPreparationEqualsTRL(t *testing.T) {
	dir := referenceDir(t)
	var index struct{ Cases []parityCase }
	readJSON(t, filepath.Join(dir, "cases.json"), &index)
	sources := templateSources(t, dir)
	tok := referenceTokenizer(t)
	if len(index.Cases) == 0 {
		t.Fatal("cases.json has no cases")
	}
	for _, c := range index.Cases {
		t.Run(c.Name, func(t *testing.T) {
			if c.Formatting != nil && formattingTemplates[*c.Formatting] == "" {
				t.Skipf("a template cannot return what the function %s does", *c.Formatting)
			}
			src, err := Open(context.Background(), filepath.Join(dir, "data", c.Dataset), OpenOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = src.Close() }()
			o := parityOptions(t, dir, c, sources)
			p, data, dropped, err := prepareCase(src, tok, o)
			if c.Result == "error" {
				checkRefusal(t, c, err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			checkRows(t, dir, c, src, p, data)
			checkDropped(t, c, src, dropped)
			var batches []parityBatch
			readJSON(t, filepath.Join(dir, "cases", c.Name+".batches.json"), &batches)
			compareBatches(t, p, data, batches)
		})
	}
}

func prepareCase(src Source, tok *Tokenizer, o Options) (*Preparer, Dataset, []Example, error) {
	p, err := NewPreparer(src, tok, o)
	if err != nil {
		return nil, nil, nil, err
	}
	data, dropped, err := p.All(context.Background(), 2, nil)
	return p, data, dropped, err
}

// acceptedByUs are cases in which TRL fails and sftui does what was meant.
var acceptedByUs = []string{
	"conversations_rolecontent_default",         // role and content under conversations are read
	"messages_assistant_only_smollm_notemplate", // the assistant's part is found without markers
}

func checkRefusal(t *testing.T, c parityCase, err error) {
	t.Helper()
	if slices.Contains(acceptedByUs, c.Name) {
		if err != nil && c.Name == "conversations_rolecontent_default" {
			t.Errorf("sftui accepts this case, but: %v", err)
		}
		return
	}
	if err == nil {
		t.Fatalf("TRL fails with %q, sftui prepared the rows", c.Error)
	}
	checkSentence(t, err)
}

// checkSentence checks that an error reads as one sentence for a person.
func checkSentence(t *testing.T, err error) {
	t.Helper()
	text := err.Error()
	if len(text) < 20 || strings.Contains(text, "\n\n") || strings.Contains(text, "%!") || strings.Contains(text, "<nil>") {
		t.Errorf("not a clear sentence: %q", text)
	}
	t.Log(text)
}

func checkRows(t *testing.T, dir string, c parityCase, src Source, p *Preparer, data Dataset) {
	t.Helper()
	want := readLines[parityRow](t, filepath.Join(dir, "cases", c.Name+".jsonl"))
	compareRows(t, p, data, want)
	for i, w := range want {
		got, err := data.At(i)
		if err != nil {
			t.Fatal(err)
		}
		if w.ID != nil && rowID(t, src, got.Row) != *w.ID {
			t.Fatalf("row %d is the data's id %d, TRL's is %d", i, rowID(t, src, got.Row), *w.ID)
		}
		if w.Before > 0 && got.FullLength != w.Before {
			t.Fatalf("row %d: %d tokens before truncation, TRL has %d", i, got.FullLength, w.Before)
		}
		checkText(t, p, got, w)
	}
}

// checkText compares the rendered text, which only Preparer.Row keeps.
func checkText(t *testing.T, p *Preparer, got Example, w parityRow) {
	t.Helper()
	if w.Text == nil {
		return
	}
	row, err := p.Row(got.Row)
	if err != nil {
		t.Fatal(err)
	}
	if row.Text == nil || *row.Text != *w.Text {
		t.Fatalf("row %d: text\n got %q\nwant %q", got.Row, *row.Text, *w.Text)
	}
}

func checkDropped(t *testing.T, c parityCase, src Source, dropped []Example) {
	t.Helper()
	var ids []int
	for _, e := range dropped {
		ids = append(ids, rowID(t, src, e.Row))
		if len(e.Dropped) < 20 {
			t.Errorf("row %d was dropped for the reason %q", e.Row, e.Dropped)
		}
	}
	if c.DroppedIDs != nil && !slices.Equal(ids, c.DroppedIDs) {
		t.Errorf("dropped ids %v, TRL drops %v", ids, c.DroppedIDs)
	}
}

func rowID(t *testing.T, src Source, i int) int {
	t.Helper()
	row, err := src.At(i)
	if err != nil {
		t.Fatal(err)
	}
	id, ok := row.Get("id")
	if !ok {
		return i
	}
	return int(id.(int64))
}

// templateSources are the reference's chat templates by name.
func templateSources(t testing.TB, dir string) map[string]string {
	t.Helper()
	var sources map[string]string
	readJSON(t, filepath.Join(dir, "template_sources.json"), &sources)
	return sources
}

// readLines decodes a JSONL file, gzipped or not.
func readLines[T any](t testing.TB, path string) []T {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	scanner := bufio.NewScanner(file)
	if strings.HasSuffix(path, ".gz") {
		unzipped, err := gzip.NewReader(file)
		if err != nil {
			t.Fatal(err)
		}
		scanner = bufio.NewScanner(unzipped)
	}
	scanner.Buffer(nil, 64<<20)
	var out []T
	for scanner.Scan() {
		var v T
		if err := json.Unmarshal(scanner.Bytes(), &v); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		out = append(out, v)
	}
	if err := scanner.Err(); err != nil && !errors.Is(err, os.ErrClosed) {
		t.Fatal(err)
	}
	return out
}
