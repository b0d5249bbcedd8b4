package findings

import (
	"context"
	"encoding/binary"
	"hash/fnv"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
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

// collect prepares every row once, on all cores, or takes the facts from the
// cache. A check that is cut off leaves there what it knows by then.
func collect(ctx context.Context, in *Input, p *dataset.Preparer) (*facts, error) {
	key := cacheKey(ctx, in, p)
	f, whole := readCache(p.Source().Len(), key)
	if whole {
		return f, nil
	}
	c := newCollector(in, p, f)
	err := c.run(ctx)
	if err == nil {
		c.lookClosely()
	}
	writeCache(key, f)
	return f, err
}

// collector gathers the facts of rows in several goroutines.
type collector struct {
	in       *Input
	p        *dataset.Preparer
	src      dataset.Source
	shape    dataset.Shape
	f        *facts
	stops    map[int32]bool
	bos, pad int32
	specials []string
	mu       sync.Mutex // guards f.failures
}

func newCollector(in *Input, p *dataset.Preparer, f *facts) *collector {
	c := &collector{in: in, p: p, src: p.Source(), shape: p.Shape(), f: f, bos: -1, pad: p.PadID()}
	c.stops, _ = in.stopIDs()
	if _, id := in.Tokenizer.BOS(); id >= 0 {
		c.bos = id
	}
	for id := range int32(in.Tokenizer.VocabSize()) {
		if piece := in.Tokenizer.Piece(id); in.Tokenizer.IsSpecial(id) && len(piece) > 2 {
			c.specials = append(c.specials, piece)
		}
	}
	return c
}

// chunk is how many neighbouring rows a worker takes at a time, so that files are read in order.
const chunk = 64

// run goes over all rows.
func (c *collector) run(ctx context.Context) error {
	workers := c.in.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	var next, done atomic.Int64
	var wg sync.WaitGroup
	n := len(c.f.rows)
	for range workers {
		wg.Go(func() {
			for ctx.Err() == nil {
				from := int(next.Add(chunk)) - chunk
				if from >= n {
					return
				}
				to := min(from+chunk, n)
				for i := from; i < to; i++ {
					if !c.f.rows[i].has(flagKnown) {
						c.row(i)
					}
				}
				if d := int(done.Add(int64(to - from))); c.in.Progress != nil {
					c.in.Progress(d, n)
				}
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}

// row gathers the facts of row i.
func (c *collector) row(i int) {
	facts := &c.f.rows[i]
	*facts = rowFacts{Flags: flagKnown, First: -1, Last: -1, Stop: -1, MaxID: -1}
	e, err := c.p.Row(i)
	if err != nil {
		facts.Flags |= flagFailed
		c.mu.Lock()
		if len(c.f.failures) < maxFailures {
			c.f.failures[i] = err.Error()
		}
		c.mu.Unlock()
		return
	}
	c.tokens(facts, e)
	if raw, err := c.src.At(i); err == nil {
		facts.Flags |= c.text(raw, e)
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
	if tools, ok := raw.Get(c.in.toolsColumn()); ok && offered(tools) {
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
	if t.code && strings.Contains(whole, t.written) {
		flags |= flagCode
	}
	switch {
	case t.role == "assistant" && trimmed == "" && !t.calls && !t.code:
		flags |= flagEmptyAnswer
	case t.chat && !knownRole(t.role):
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
func (in *Input) toolsColumn() string {
	if c := in.Recipe.Columns["tools"]; c != "" {
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
		think = think || strings.Contains(t.text, "<think>") || t.thinks
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
