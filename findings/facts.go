package findings

import (
	"context"
	"encoding/binary"
	"hash/fnv"
	"strings"
	"sync"
	"unicode"

	"sftui/dataset"
)

// flag is one yes-or-no fact of a row.
type flag uint32

// The flags.
const (
	flagKnown       flag = 1 << iota // the row was looked at
	flagFailed                       // the preparation fails
	flagMerged                       // prompt and completion share a token at their border
	flagSpecialText                  // the data's own text contains a special token's text
	flagNoAnswer                     // a chat without an assistant turn
	flagEmptyAnswer                  // an assistant turn, or a completion, without text
	flagOpenEnd                      // a chat that does not end with an assistant turn
	flagOddRole                      // a role that templates do not know
	flagDropsText                    // the template leaves out text of a message
	flagAddsThink                    // the template writes a think block that the data has not
	flagLongWord                     // a run of characters without a blank that tokenizers crawl over
	flagNullText                     // a message or text without content
	flagCode                         // a value that is no text, written as Python would
	flagPacked                       // a text that is itself JSON of messages
	flagTools                        // the row offers tools
	flagCalls                        // a message calls tools
	flagPadding                      // filling at the row's end that carries loss
	flagUnmasked                     // a row that fails only because no token of it is the assistant's
)

// rowFacts is what the checks need to know of a row, whatever max_length is.
// Fields are exported for gob. Positions count from 0 and are -1 for none.
type rowFacts struct {
	Flags   flag
	Tokens  int32
	Trained int32 // tokens with loss
	First   int32 // first of them
	Last    int32 // last of them
	Stop    int32 // a stop token with loss among the row's last ones
	MaxID   int32 // highest token id
	LeadBOS int8  // how often the first tokens are the begin token
	Hash    uint64
}

func (r *rowFacts) has(f flag) bool { return r.Flags&f != 0 }

// window is what a limit on length leaves of a row.
type window struct {
	limit   int32 // 0 for none
	keepEnd bool
}

// of returns the first token that stays and the one behind the last.
func (w window) of(r *rowFacts) (from, to int32) {
	switch {
	case w.limit == 0 || r.Tokens <= w.limit:
		return 0, r.Tokens
	case w.keepEnd:
		return r.Tokens - w.limit, r.Tokens
	}
	return 0, w.limit
}

// trains says whether a token with loss stays. The window begins or ends with
// the row, so that the first and the last such token decide.
func (w window) trains(r *rowFacts) bool {
	from, to := w.of(r)
	return r.First >= 0 && r.First < to && r.Last >= from
}

// stops says whether the trained stop token stays.
func (w window) stops(r *rowFacts) bool {
	from, to := w.of(r)
	return r.Stop >= from && r.Stop < to && r.Stop >= 0
}

// cut is the recipe's limit on rows.
func (in *Input) cut() window {
	r := in.Recipe
	if r.MaxLength == nil || r.Packing {
		return window{}
	}
	return window{limit: int32(*r.MaxLength), keepEnd: r.TruncationMode == dataset.KeepEnd}
}

// lengths are the rows' lengths for an outline.
func (f *facts) lengths() []dataset.RowLength {
	out := make([]dataset.RowLength, len(f.rows))
	for i := range f.rows {
		r := &f.rows[i]
		out[i] = dataset.RowLength{Row: i, Tokens: int(r.Tokens), Trained: int(r.Trained), First: int(r.First), Last: int(r.Last), Failed: r.has(flagFailed)}
	}
	return out
}

// roleTokens counts tokens of one role over a sample of rows.
type roleTokens struct{ Tokens, Trained int64 }

// facts is what one pass over the data found.
type facts struct {
	rows     []rowFacts
	failures map[int]string // first messages of failing rows
	sample   []int          // rows that were looked at in detail
	roles    map[string]*roleTokens
	inserted map[string]int // text that the template adds, with the number of sampled rows
	special  map[int32]int  // special tokens in sampled rows, with the number of rows
	markers  map[string]int // text that looks like a special token and is none
	ends     map[string]int // special token at the end of sampled rows
	silent   []int          // sampled rows with an assistant turn without loss beside others with it
	eval     *facts         // of the evaluation rows, nil without
}

// maxFailures bounds how many messages are kept.
const maxFailures = 100

// collect looks at every row once, on all cores: at ids that a scan has kept
// where it has, else at rows that are prepared now and kept for the next check,
// for the workbench and for training. A check that is cut off leaves there what
// it knows by then.
func collect(ctx context.Context, in *Input, p *dataset.Preparer) (*facts, error) {
	c := newCollector(p)
	err := c.run(ctx, in, in.CacheDir)
	if err != nil && ctx.Err() == nil && in.CacheDir != "" {
		c = newCollector(p) // a cache that cannot be written costs time, not the check
		err = c.run(ctx, in, "")
	}
	c.sumUp()
	return c.f, err
}

// collector gathers the facts of rows in several goroutines.
type collector struct {
	p        *dataset.Preparer
	tok      *dataset.Tokenizer
	src      dataset.Source
	shape    dataset.Shape
	f        *facts
	stops    map[int32]bool
	bos, pad int32
	specials []string
	unmasked *dataset.Preparer // the same without assistant_only_loss, nil where that is off
	mu       sync.Mutex        // guards f.failures and looks
	looks    map[int]*look
}

func newCollector(p *dataset.Preparer) *collector {
	c := &collector{p: p, tok: p.Tokenizer(), src: p.Source(), shape: p.Shape(), bos: -1, pad: p.PadID(), stops: map[int32]bool{}, looks: map[int]*look{}}
	c.f = &facts{rows: make([]rowFacts, c.src.Len()), failures: map[int]string{}}
	for _, id := range p.EndIDs() {
		c.stops[id] = true
	}
	if o := p.Options(); o.AssistantOnlyLoss {
		o.AssistantOnlyLoss = false
		c.unmasked, _ = dataset.NewPreparer(c.src, c.tok, o) // nil: nothing more can be told of such rows
	}
	if _, id := c.tok.BOS(); id >= 0 {
		c.bos = id
	}
	for id := range int32(c.tok.VocabSize()) {
		if piece := c.tok.Piece(id); c.tok.IsSpecial(id) && len(piece) > 2 {
			c.specials = append(c.specials, piece)
		}
	}
	return c
}

// scan opens the scan of the rows' lengths, in which their facts are notes.
func (c *collector) scan(ctx context.Context, in *Input, cacheDir string) (*dataset.Scan, error) {
	o := c.p.ScanOptions(cacheDir)
	o.Workers, o.Straight, o.Notes = in.Workers, true, c
	o.StoreIDs = o.StoreIDs && in.picked == nil // nobody trains on a sample
	if in.Progress != nil {
		o.Report = func(g dataset.ScanProgress) { in.Progress(g.Rows, g.Total) }
	}
	return dataset.NewScan(ctx, c.src, c.p, o)
}

// run goes over all rows.
func (c *collector) run(ctx context.Context, in *Input, cacheDir string) error {
	scan, err := c.scan(ctx, in, cacheDir)
	if err != nil || scan.Complete() {
		return err
	}
	return scan.Run(ctx)
}

// scanned says whether the facts of every row are in the cache, so that there
// is no need to look at a part only.
func (in *Input) scanned(ctx context.Context) bool {
	if in.Preparer == nil || in.CacheDir == "" {
		return false
	}
	scan, err := newCollector(in.Preparer).scan(ctx, in, in.CacheDir)
	return err == nil && scan.Complete()
}

// failed looks at what can be told of a row that cannot be prepared.
func (c *collector) failed(facts *rowFacts, i int) {
	if raw, err := c.src.At(i); err == nil {
		facts.Flags |= c.text(raw, dataset.Example{})
	}
	if c.unmasked == nil {
		return
	}
	if _, err := c.unmasked.Row(i); err == nil {
		facts.Flags |= flagUnmasked
	}
}

// tokens looks at ids and labels of the whole row.
func (c *collector) tokens(r *rowFacts, e dataset.Example) {
	n := len(e.InputIDs)
	r.Tokens, r.Hash = int32(n), hashIDs(e.InputIDs)
	for i, label := range e.Labels {
		r.MaxID = max(r.MaxID, e.InputIDs[i])
		if label < 0 {
			continue
		}
		r.Trained++
		if r.First < 0 {
			r.First = int32(i)
		}
		r.Last = int32(i)
	}
	// The end of a turn stands among the last trained tokens; templates often write a line end behind it.
	for i := int(r.Last); i >= 0 && i > int(r.Last)-3 && r.Stop < 0; i-- {
		if e.Labels[i] >= 0 && c.stops[e.InputIDs[i]] {
			r.Stop = int32(i)
		}
	}
	for i := 0; i < n && i < 4 && c.bos >= 0 && e.InputIDs[i] == c.bos; i++ {
		r.LeadBOS++
	}
	if e.SharedTokens < e.PromptTokens {
		r.Flags |= flagMerged
	}
	// One padding token may be the end token; two in a row at the end are filling.
	if n > 2 && e.InputIDs[n-1] == c.pad && e.InputIDs[n-2] == c.pad && e.Labels[n-1] >= 0 {
		r.Flags |= flagPadding
	}
}

// hashIDs identifies a row's ids.
func hashIDs(ids []int32) uint64 {
	h := fnv.New64a()
	var b [4]byte
	for _, id := range ids {
		binary.LittleEndian.PutUint32(b[:], uint32(id))
		_, _ = h.Write(b[:]) // a hash does not fail
	}
	return h.Sum64()
}

// longWord is from how many characters without a blank on tokenizers slow down noticeably.
const longWord = 20_000

// text looks at the raw row's own words.
func (c *collector) text(raw dataset.Row, e dataset.Example) flag {
	var flags flag
	turns := turnsOf(raw, c.shape)
	whole := ""
	if e.Text != nil {
		whole = *e.Text
	}
	for _, t := range turns {
		flags |= c.turn(t, whole)
	}
	if tools, ok := raw.Get(toolsColumn(c.p.Options().Columns)); ok && offered(tools) {
		flags |= flagTools
	}
	return flags | chatFlags(turns, whole)
}

// turn looks at one message, prompt, completion or text; whole is the row as rendered.
func (c *collector) turn(t turn, whole string) flag {
	flags := c.words(t)
	if t.null {
		flags |= flagNullText
	}
	if t.calls {
		flags |= flagCalls
	}
	trimmed := strings.TrimSpace(t.text)
	if t.chat && whole != "" && trimmed != "" && !t.code && !strings.Contains(whole, trimmed) {
		flags |= flagDropsText
	}
	if t.thinks != "" && whole != "" && !strings.Contains(whole, strings.TrimSpace(t.thinks)) {
		flags |= flagDropsText
	}
	if t.code && strings.Contains(whole, t.written) {
		flags |= flagCode
	}
	switch {
	case t.role == "assistant" && trimmed == "" && !t.calls && !t.code:
		flags |= flagEmptyAnswer
	case t.chat && !knownRole(t.named):
		flags |= flagOddRole
	}
	return flags
}

// words looks at the text of a turn by itself.
func (c *collector) words(t turn) flag {
	var flags flag
	for _, s := range c.specials {
		if strings.Contains(t.text, s) {
			flags |= flagSpecialText
		}
	}
	if len(t.text) > longWord && longestWord(t.text) > longWord {
		flags |= flagLongWord
	}
	if !t.chat && jsonOfMessages(strings.TrimSpace(t.text)) {
		flags |= flagPacked
	}
	return flags
}

// jsonOfMessages reports whether a text looks like a list of messages, or a row with one, that was not decoded.
func jsonOfMessages(s string) bool {
	compact := strings.NewReplacer(" ", "", "\n", "", "'", "\"").Replace(s[:min(len(s), 200)])
	for _, start := range []string{`[{"role":`, `[{"content":`, `[{"from":`, `{"messages":[`, `{"conversations":[`} {
		if strings.HasPrefix(compact, start) {
			return true
		}
	}
	return false
}

// toolsColumn is read wherever a row has it, also when the first row has none.
func toolsColumn(mapped map[string]string) string {
	if c := mapped["tools"]; c != "" {
		return c
	}
	return "tools"
}

// offered reports whether a tools column holds any.
func offered(v any) bool {
	switch v := v.(type) {
	case []any:
		return len(v) > 0
	case string:
		t := strings.TrimSpace(v)
		return t != "" && t != "[]" && t != "null"
	}
	return false
}

// chatFlags are the facts about a chat as a whole.
func chatFlags(turns []turn, whole string) flag {
	var flags flag
	chat, answer, think := false, false, false
	for _, t := range turns {
		chat = chat || t.chat
		answer = answer || t.role == "assistant"
		think = think || strings.Contains(t.text, "<think>") || t.thinks != ""
	}
	if !chat {
		return 0
	}
	if !answer {
		flags |= flagNoAnswer
	} else if turns[len(turns)-1].role != "assistant" {
		flags |= flagOpenEnd
	}
	if !think && strings.Contains(whole, "<think>") {
		flags |= flagAddsThink
	}
	return flags
}

// longestWord returns the length in bytes of the longest run without a blank.
func longestWord(s string) int {
	best, start := 0, 0
	for i, r := range s {
		if unicode.IsSpace(r) {
			best, start = max(best, i-start), i
		}
	}
	return max(best, len(s)-start)
}

// knownRole are the roles that chat templates commonly know.
func knownRole(role string) bool {
	switch role {
	case "system", "user", "assistant", "tool", "developer", "function", "ipython", "documents":
		return true
	}
	return false
}
