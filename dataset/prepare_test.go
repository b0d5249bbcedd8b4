package dataset

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sftui/dataset/jinja"
)

const chatRow = `{"messages":[{"role":"user","content":"x"},{"role":"assistant","content":"y"}]}`

// prepareAll prepares rows under options changed by change.
func prepareAll(t *testing.T, change func(*Options), rows ...string) (*Preparer, Dataset, []Example, error) {
	t.Helper()
	o := DefaultOptions()
	if change != nil {
		change(&o)
	}
	return prepareCase(jsonRows(t, rows...), smallTokenizer(t), o)
}

// TestUnpreparableInput has the probes of bad data and odd options at which TRL fails,
// and those where it silently trains nothing or garbage.
func TestUnpreparableInput(t *testing.T) {
	cases := []struct {
		name   string
		change func(*Options)
		rows   []string
		want   []string // parts of the message
	}{
		{"no rows", nil, nil, []string{"has no rows"}},
		{"no known column", nil, []string{`{"foo":"x"}`}, []string{"line 1", "foo", "messages", "dataset_text_field"}},
		{"empty row", nil, []string{`{}`}, []string{"no columns"}},
		{"text null", nil, []string{`{"text":"a"}`, `{"text":null}`}, []string{"line 2", "text is null"}},
		{"text null in the first row", nil, []string{`{"text":null}`}, []string{"line 1", "text is null"}},
		{"text a number", nil, []string{`{"text":1}`}, []string{"but it must be a string"}},
		{"text changes type", nil, []string{`{"text":"a"}`, `{"text":1}`}, []string{"line 2", "text is a number"}},
		{"text a list", nil, []string{`{"text":["a"]}`}, []string{"but it must be a string"}},
		{"messages empty", nil, []string{`{"messages":[]}`}, []string{"messages is an empty list"}},
		{"messages empty later", nil, []string{chatRow, `{"messages":[]}`}, []string{"line 2", "messages is an empty list"}},
		{"messages null later", nil, []string{chatRow, `{"messages":null}`}, []string{"line 2", "messages is null"}},
		{"messages a string", nil, []string{`{"messages":"hello"}`}, []string{"messages is a string"}},
		{"messages of strings", nil, []string{`{"messages":["a","b"]}`}, []string{"first entry is a string"}},
		{"messages with a string later", nil, []string{`{"messages":[{"role":"user","content":"x"},"y"]}`}, []string{"messages[1] is a string"}},
		{"message without role", nil, []string{`{"messages":[{"content":"x"}]}`}, []string{"content", "role and content"}},
		{"second message without role", nil, []string{`{"messages":[{"role":"user","content":"x"},{"content":"y"}]}`}, []string{"line 1", "message 2 has no role"}},
		{"content null", nil, []string{chatRow, `{"messages":[{"role":"user","content":null}]}`}, []string{"line 2", "message 1", "null content"}},
		{"content missing", nil, []string{`{"messages":[{"role":"user"}]}`}, []string{"message 1", "no content"}},
		{"from and value as messages", nil, []string{`{"messages":[{"from":"human","value":"x"}]}`}, []string{"map messages as conversations"}},
		{"from alone", nil, []string{`{"conversations":[{"from":"human"}]}`}, []string{"conversations", "from and value"}},
		{"prompt alone", nil, []string{`{"prompt":"x"}`}, []string{"prompt but no completion"}},
		{"completion alone", nil, []string{`{"completion":"x"}`}, []string{"completion but no prompt"}},
		{"prompt and messages", nil, []string{`{"prompt":"x","messages":[{"role":"user","content":"x"}]}`}, []string{"prompt wins"}},
		{"prompt a chat, completion a string", nil, []string{`{"prompt":[{"role":"user","content":"x"}],"completion":"y"}`}, []string{"prompt is a list but completion is a string"}},
		{"prompt a string, completion a chat", nil, []string{`{"prompt":"x","completion":[{"role":"assistant","content":"y"}]}`}, []string{"prompt is a string but completion is a list"}},
		{"prompt empty list", nil, []string{`{"prompt":[],"completion":[{"role":"assistant","content":"y"}]}`}, []string{"prompt is an empty list"}},
		{"completion null later", nil, []string{`{"prompt":"x","completion":"y"}`, `{"prompt":"x","completion":null}`}, []string{"line 2", "completion is null"}},
		{"preference", nil, []string{`{"prompt":"x","chosen":"a","rejected":"b"}`}, []string{"map the column chosen as completion"}},
		{"implicit preference", nil, []string{`{"chosen":"a","rejected":"b"}`}, []string{"map the column chosen as text"}},
		{"implicit preference of chats", nil, []string{`{"chosen":[{"role":"user","content":"x"}],"rejected":[{"role":"user","content":"x"}]}`}, []string{"map the column chosen as messages"}},
		{"images", nil, []string{`{"messages":[],"images":["x"]}`}, []string{"images"}},
		{"mixed shapes", nil, []string{`{"text":"a"}`, `{"prompt":"p","completion":"c"}`}, []string{"line 2", "prompt", "first row has none"}},
		{"text then chat", nil, []string{`{"text":"a"}`, chatRow}, []string{"line 2", "the row has messages", "first row has none"}},
		{"formatting a list", func(o *Options) { o.Formatting = "{{ q }}" }, []string{`{"q":["a","b"]}`}, []string{"line 1", "the column q, which is a list", "one text"}},
		{"formatting null", func(o *Options) { o.Formatting = "{{ q }}" }, []string{`{"q":"a"}`, `{"q":null}`}, []string{"line 2", "the column q, which is null"}},
		{"content a number", nil, []string{`{"messages":[{"role":"user","content":5}]}`}, []string{"message 1, user: its content is a number"}},
		{"text a number", nil, []string{`{"text":5}`}, []string{"text is a number"}},
		{"all masked", nil, []string{`{"input_ids":[1],"labels":[-100]}`}, []string{"the only row of"}},
		{"chat then text", nil, []string{chatRow, `{"text":"a"}`}, []string{"line 2", "no messages", "text"}},
		{"tools no JSON", nil, []string{`{"messages":[{"role":"user","content":"x"}],"tools":"not json"}`}, []string{"tools is a string but not JSON"}},
		{"tools no objects", nil, []string{`{"messages":[{"role":"user","content":"x"}],"tools":["a"]}`}, []string{"tools[0] is a string"}},
		{"tools an object", nil, []string{`{"messages":[{"role":"user","content":"x"}],"tools":{"a":1}}`}, []string{"tools is an object"}},
		{"kwargs null", nil, []string{`{"messages":[{"role":"user","content":"x"}],"chat_template_kwargs":null}`}, []string{"chat_template_kwargs is null"}},
		{"kwargs of the tokenizer", nil, []string{`{"messages":[{"role":"user","content":"x"}],"chat_template_kwargs":{"max_length":3}}`}, []string{"chat_template_kwargs has max_length"}},
		{"ids a string", nil, []string{`{"input_ids":"abc"}`}, []string{"input_ids is a string"}},
		{"ids floats", nil, []string{`{"input_ids":[1.5]}`}, []string{"input_ids[0]", "integer"}},
		{"ids outside the vocabulary", nil, []string{`{"input_ids":[1]}`, `{"input_ids":[1,99999]}`}, []string{"line 2", "input_ids[1] is 99999"}},
		{"ids negative", nil, []string{`{"input_ids":[-1]}`}, []string{"input_ids[0] is -1"}},
		{"ids null later", nil, []string{`{"input_ids":[1]}`, `{"input_ids":null}`}, []string{"line 2", "input_ids is null"}},
		{"labels too short", nil, []string{`{"input_ids":[1,2],"labels":[1]}`}, []string{"labels has 1 entries but input_ids has 2"}},
		{"mask too short", nil, []string{`{"input_ids":[1,2],"assistant_masks":[1]}`}, []string{"assistant_masks has 1 entries"}},
		{"skip_prepare with masks", func(o *Options) { o.SkipPrepare = true }, []string{`{"input_ids":[1,2],"assistant_masks":[1,1]}`}, []string{"skip_prepare_dataset", "labels"}},
		{"skip_prepare without ids", func(o *Options) { o.SkipPrepare = true }, []string{chatRow}, []string{"skip_prepare_dataset", "input_ids"}},
		{"assistant_only_loss on text", func(o *Options) { o.AssistantOnlyLoss = true }, []string{`{"text":"a"}`}, []string{"assistant_only_loss", "messages"}},
		{"assistant_only_loss on from and value", func(o *Options) { o.AssistantOnlyLoss = true }, []string{`{"conversations":[{"from":"a","value":"b"}]}`}, []string{"assistant_only_loss", "rename the keys"}},
		{"assistant_only_loss without an assistant", func(o *Options) { o.AssistantOnlyLoss = true }, []string{`{"messages":[{"role":"user","content":"x"}]}`}, []string{"line 1", "no assistant tokens"}},
		{"formatting with completion_only_loss", func(o *Options) { o.Formatting = "{{ prompt }}" }, []string{`{"prompt":"x","completion":"y"}`}, []string{"completion_only_loss"}},
		{"formatting of no column", func(o *Options) { o.Formatting = "{{ zzz }}" }, []string{`{"text":"y"}`}, []string{"column zzz", "text"}},
		{"formatting does not parse", func(o *Options) { o.Formatting = "{{ text " }, []string{`{"text":"y"}`}, []string{"formatting template does not parse"}},
		{"packing without max_length", func(o *Options) { o.Packing, o.MaxLength = true, 0 }, []string{chatRow}, []string{"packing needs a max_length"}},
		{"packing_strategy", func(o *Options) { o.Packing, o.PackingStrategy = true, "greedy" }, []string{chatRow}, []string{`"greedy"`, "bfd_split"}},
		{"padding_free with max_length", func(o *Options) { o.PaddingFree = true }, []string{chatRow}, []string{"padding_free", "max_length"}},
		{"truncation_mode", func(o *Options) { o.TruncationMode = "middle" }, []string{chatRow}, []string{`"middle"`, "keep_end"}},
		{"long_rows", func(o *Options) { o.LongRows = "burn" }, []string{chatRow}, []string{`"burn"`, "split"}},
		{"max_length negative", func(o *Options) { o.MaxLength = -5 }, []string{chatRow}, []string{"max_length is -5"}},
		{"seed negative", func(o *Options) { o.Shuffle, o.Seed = true, -1 }, []string{chatRow}, []string{"seed is -1"}},
		{"eos_token", func(o *Options) { o.EOSToken = "<nope>" }, []string{chatRow}, []string{`eos_token "<nope>"`}},
		{"pad_token", func(o *Options) { o.PADToken = "<nope>" }, []string{chatRow}, []string{`pad_token "<nope>"`}},
		{"template does not parse", func(o *Options) { o.ChatTemplate = "{% for m in messages }}" }, []string{chatRow}, []string{"chat template does not parse", "line 1"}},
		{"template refuses", func(o *Options) { o.ChatTemplate = "{{ raise_exception('no ' + messages[0].role) }}" }, []string{chatRow}, []string{"line 1", "no user", "roles: user, assistant"}},
		{"template asks for text", func(o *Options) { o.ChatTemplate = "{{ 'a' + messages[0].content }}" }, []string{`{"messages":[{"role":"user","content":[{"type":"text","text":"x"}]}]}`}, []string{"content in parts"}},
		{"mapping to no column", func(o *Options) { o.Columns = map[string]string{"text": "body"} }, []string{`{"foo":"x"}`}, []string{"column \"body\"", "foo"}},
		{"mapping of no role", func(o *Options) { o.Columns = map[string]string{"answer": "foo"} }, []string{`{"foo":"x"}`}, []string{`"answer" is no role`}},
		{"all rows masked", nil, []string{`{"input_ids":[1,2],"labels":[-100,-100]}`}, []string{"no row is left", "no token of the row carries loss"}},
		{"all completions cut away", func(o *Options) { o.MaxLength = 2 }, []string{`{"prompt":"a longer prompt","completion":"z"}`}, []string{"no row is left", "max_length=2", "keep_end"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, _, _, err := prepareAll(t, c.change, c.rows...)
			if err == nil {
				t.Fatal("the rows were prepared")
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
			if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "%!") {
				t.Errorf("not one sentence: %q", err)
			}
		})
	}
}

func TestColumnsMappedByHand(t *testing.T) {
	cases := []struct {
		name    string
		columns map[string]string
		row     string
		shape   string
		text    string
	}{
		{"question and answer", map[string]string{"prompt": "question", "completion": "answer"}, `{"question":"x ","answer":"y","messages":[{"role":"user","content":"q"}]}`, ShapePromptCompletion, "x y<|im_end|>"},
		{"chosen", map[string]string{"completion": "chosen"}, `{"prompt":"x ","chosen":"a","rejected":"b"}`, ShapePromptCompletion, "x a<|im_end|>"},
		{"text over prompt", map[string]string{"text": "body"}, `{"prompt":"x","body":"b"}`, ShapeText, "b<|im_end|>"},
		{"messages under another name", map[string]string{"conversations": "dialog"}, `{"dialog":[{"from":"user","value":"x"}]}`, ShapeMessages, "<|im_start|>user\nx<|im_end|>\n"},
		{"messages over a prompt", map[string]string{"messages": "messages"}, `{"prompt":"p","messages":[{"role":"user","content":"x"}]}`, ShapeMessages, "<|im_start|>user\nx<|im_end|>\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p, _, _, err := prepareAll(t, func(o *Options) { o.Columns = c.columns }, c.row)
			if err != nil {
				t.Fatal(err)
			}
			e, err := p.Row(0)
			if err != nil {
				t.Fatal(err)
			}
			if p.Shape().Name != c.shape || *e.Text != c.text {
				t.Errorf("got %s with %q, want %s with %q", p.Shape().Name, *e.Text, c.shape, c.text)
			}
		})
	}
}

func TestShapeRatings(t *testing.T) {
	cases := []struct{ row, name, rating string }{
		{chatRow, ShapeMessages, ratingBest},
		{`{"conversations":[{"from":"human","value":"x"}]}`, ShapeMessages, ratingBest},
		{`{"conversations":[{"role":"user","content":"x"}]}`, ShapeMessages, ratingBest},
		{`{"prompt":"x","completion":"y"}`, ShapePromptCompletion, ratingBest},
		{`{"prompt":"x","completion":"y","label":true}`, ShapeUnpaired, ratingCare},
		{`{"text":"x"}`, ShapeText, ratingGood},
		{`{"input_ids":[1]}`, ShapePretokenized, ratingCare},
		{`{"prompt":"x"}`, ShapePromptOnly, ratingNo},
		{`{"prompt":"x","chosen":"y","rejected":"z"}`, ShapePreference, ratingNo},
		{`{"chosen":"y","rejected":"z"}`, ShapeImplicit, ratingNo},
	}
	for _, c := range cases {
		s := DetectShape(jsonRows(t, c.row).rows[0], DefaultOptions())
		if s.Name != c.name || s.Rating != c.rating || s.Usable != (c.rating != ratingNo) || s.Why == "" || s.RatingWhy == "" {
			t.Errorf("%s: %+v, want %s %s", c.row, s, c.name, c.rating)
		}
		if !s.Usable && s.Problem == "" {
			t.Errorf("%s: nothing says what would make it usable", c.row)
		}
	}
	o := DefaultOptions()
	o.Formatting = "{{ a }}"
	if s := DetectShape(jsonRows(t, `{"a":"x"}`).rows[0], o); s.Name != ShapeFormatted || s.Rating != ratingGood {
		t.Errorf("formatting: %+v", s)
	}
}

func TestLongRows(t *testing.T) {
	rows := []string{`{"input_ids":[5,6,7,8,9,10,11]}`, `{"input_ids":[5,6]}`, `{"input_ids":[5,6,7,8,9],"labels":null}`}
	lengths := func(mode string) (kept []int, dropped int) {
		_, data, out, err := prepareAll(t, func(o *Options) { o.MaxLength, o.LongRows = 4, mode }, rows...)
		if err != nil {
			t.Fatal(err)
		}
		for i := range data.Len() {
			e, err := data.At(i)
			if err != nil {
				t.Fatal(err)
			}
			kept = append(kept, len(e.InputIDs))
		}
		return kept, len(out)
	}
	for mode, want := range map[string]struct {
		kept    []int
		dropped int
	}{LongTruncate: {[]int{4, 2, 4}, 0}, LongDrop: {[]int{2}, 2}, LongSplit: {[]int{4, 3, 2, 4, 1}, 0}} {
		if kept, dropped := lengths(mode); !slices.Equal(kept, want.kept) || dropped != want.dropped {
			t.Errorf("%s: lengths %v, %d dropped; want %v, %d", mode, kept, dropped, want.kept, want.dropped)
		}
	}
}

func TestAllDroppedSaysWhy(t *testing.T) {
	_, _, dropped, err := prepareAll(t, func(o *Options) { o.MaxLength = 1 }, `{"prompt":"abc","completion":"z"}`)
	if !errors.Is(err, ErrAllDropped) || len(dropped) != 1 || dropped[0].Dropped == "" {
		t.Errorf("got %v and %v", err, dropped)
	}
}

func TestAllStopsWhenCancelled(t *testing.T) {
	rows := make([]string, 500)
	for i := range rows {
		rows[i] = chatRow
	}
	p, err := NewPreparer(jsonRows(t, rows...), smallTokenizer(t), DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := p.All(ctx, 2, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want cancellation", err)
	}
}

func TestAllNamesTheFirstBadRow(t *testing.T) {
	rows := make([]string, 200)
	for i := range rows {
		rows[i] = chatRow
	}
	rows[7] = `{"messages":[]}`
	_, _, _, err := prepareAll(t, nil, rows...)
	if err == nil || !strings.Contains(err.Error(), "line 8") {
		t.Errorf("got %v, want an error that names line 8", err)
	}
}

func TestRowDoesNotChangeItsSource(t *testing.T) {
	rows := []string{`{"text":"a"}`, `{"text":"b"}`}
	src := jsonRows(t, rows...)
	p, err := NewPreparer(src, smallTokenizer(t), DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for i := range rows {
			if _, err := p.Row(i); err != nil {
				t.Fatal(err)
			}
			if got := jinja.EncodeJSON(src.rows[i], jinja.JSONOptions{}); strings.Contains(got, "im_end") {
				t.Fatalf("row %d became %s", i, got)
			}
		}
	}
}

func TestViewOfAChat(t *testing.T) {
	p, err := NewPreparer(jsonRows(t, `{"conversations":[{"from":"system","value":"Be short. ☀️"},{"from":"user","value":"What?"},{"from":"assistant","value":"schön 1"}]}`),
		smallTokenizer(t), func() Options { o := DefaultOptions(); o.MaxLength = 12; return o }())
	if err != nil {
		t.Fatal(err)
	}
	v, err := p.View(0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, stage := range v.Stages {
		names = append(names, stage.Name)
	}
	if want := []string{StageRaw, StageConverted, StageRendered, StageTokens, StageLabels, StageTruncated}; !slices.Equal(names, want) {
		t.Errorf("stages %v, want %v", names, want)
	}
	if v.KeptFrom != 0 || v.KeptTo != 12 || len(v.IDs) != v.FullLength || len(v.Offsets) != len(v.IDs) {
		t.Errorf("kept %d…%d of %d ids with %d offsets", v.KeptFrom, v.KeptTo, len(v.IDs), len(v.Offsets))
	}
	text := []rune(*v.Text)
	var parts []string
	for _, span := range v.Roles {
		part := string(text[v.Offsets[span.Start][0]:v.Offsets[span.End-1][1]])
		parts = append(parts, fmt.Sprintf("%s/%d=%s", span.Role, span.Message, part))
	}
	want := []string{"/-1=<|im_start|>system\n", "system/0=Be short. ☀️", "/-1=<|im_end|>\n<|im_start|>user\n", "user/1=What?",
		"/-1=<|im_end|>\n<|im_start|>assistant\n", "assistant/2=schön 1", "/-1=<|im_end|>\n"}
	if !slices.Equal(parts, want) {
		t.Errorf("roles\n got %q\nwant %q", parts, want)
	}
}

// TestSkipPrepareLeavesOrder checks that skip_prepare_dataset skips shuffling
// and packing, but that batches are flat where packing asks for it, as in TRL.
func TestSkipPrepareLeavesOrder(t *testing.T) {
	rows := []string{`{"input_ids":[1,2,3]}`, `{"input_ids":[4]}`, `{"input_ids":[5,6]}`}
	p, data, _, err := prepareAll(t, func(o *Options) { o.SkipPrepare, o.Shuffle, o.Packing, o.MaxLength = true, true, true, 2 }, rows...)
	if err != nil {
		t.Fatal(err)
	}
	if data.Len() != 3 || !p.PaddingFree() {
		t.Fatalf("%d rows, padding-free %t", data.Len(), p.PaddingFree())
	}
	for i, want := range [][]int32{{1, 2, 3}, {4}, {5, 6}} {
		if e, err := data.At(i); err != nil || !slices.Equal(e.InputIDs, want) {
			t.Errorf("row %d is %v (%v), want %v", i, e.InputIDs, err, want)
		}
	}
}

// TestUnmarkedTemplateSentence reads the refusal of a template without marks
// whose turns cannot be derived.
func TestUnmarkedTemplateSentence(t *testing.T) {
	_, _, _, err := prepareAll(t, func(o *Options) {
		o.AssistantOnlyLoss, o.ChatTemplate = true, "{% for m in messages %}{{ m.role }}: {{ m.content }}{% endfor %}{{ 'assistant: ' if add_generation_prompt }}"
	}, chatRow)
	if err == nil || !strings.Contains(err.Error(), "assistant_only_loss: the chat template has no {% generation %} blocks") {
		t.Errorf("got %v", err)
	}
}

// TestFingerprintTellsTokensApart checks that rows stored for one padding token
// are not taken for another's: a template may write it.
func TestFingerprintTellsTokensApart(t *testing.T) {
	prints := map[string]bool{}
	for _, pad := range []string{"", "<|im_end|>"} {
		p, err := NewPreparer(jsonRows(t, chatRow), smallTokenizer(t), Options{PADToken: pad})
		if err != nil {
			t.Fatal(err)
		}
		prints[p.Fingerprint()] = true
	}
	if len(prints) != 2 {
		t.Error("the same fingerprint for two padding tokens")
	}
}
