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
type flag uint16

// The flags.
const (
	flagFailed      flag = 1 << iota // the preparation fails
	flagStop                         // a stop token is trained at the row's end
	flagStopKept                     // … and survives max_length
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
)

// rowFacts is what the checks need to know of a row. Fields are exported for gob.
type rowFacts struct {
	Flags       flag
	Tokens      int32 // of the whole row
	Trained     int32 // tokens with loss in the whole row
	KeptTrained int32 // … within max_length
	LeadBOS     int8  // how often the first tokens are the begin token
	Hash        uint64
}

func (r *rowFacts) has(f flag) bool { return r.Flags&f != 0 }

// roleTokens counts tokens of one role over a sample of rows.
type roleTokens struct{ Tokens, Trained int64 }

// facts is what one pass over the data found.
type facts struct {
	rows     []rowFacts
	failures map[int]string // first messages of failing rows
	sample   []int          // rows that were looked at in detail
	roles    map[string]*roleTokens
	inserted map[string]int // text that the template adds, with the number of sampled rows
	eval     []uint64       // hashes of the evaluation rows
}

// maxFailures bounds how many messages are kept.
const maxFailures = 100

// collect prepares every row once, on all cores, or takes the facts from the cache.
func collect(ctx context.Context, in *Input) (*facts, error) {
	key := cacheKey(ctx, in)
	f, ok := readCache(in, key)
	if !ok {
		f = &facts{rows: make([]rowFacts, in.Source.Len()), failures: map[int]string{}}
		c := newCollector(in, f)
		if err := c.run(ctx); err != nil {
			return nil, err
		}
		c.lookClosely()
		writeCache(in, key, f)
	}
	return f, in.hashEval(ctx, f)
}

// collector gathers the facts of rows in several goroutines.
type collector struct {
	in       *Input
	f        *facts
	stops    map[int32]bool
	bos      int32
	specials []string
	limit    int
	keepEnd  bool
	mu       sync.Mutex // guards f.failures
}

func newCollector(in *Input, f *facts) *collector {
	c := &collector{in: in, f: f, bos: -1, keepEnd: in.Recipe.TruncationMode == dataset.KeepEnd}
	c.stops, _ = in.stopIDs()
	if _, id := in.Tokenizer.BOS(); id >= 0 {
		c.bos = id
	}
	for id := range int32(in.Tokenizer.VocabSize()) {
		if piece := in.Tokenizer.Piece(id); in.Tokenizer.IsSpecial(id) && len(piece) > 2 {
			c.specials = append(c.specials, piece)
		}
	}
	if in.Recipe.MaxLength != nil && !in.Recipe.Packing {
		c.limit = *in.Recipe.MaxLength
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
					c.row(i)
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
	e, err := c.in.Preparer.Row(i)
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
	if raw, err := c.in.Source.At(i); err == nil {
		facts.Flags |= c.text(raw, e)
	}
}

// tokens looks at ids and labels of the whole row.
func (c *collector) tokens(r *rowFacts, e dataset.Example) {
	n := len(e.InputIDs)
	r.Tokens, r.Hash = int32(n), hashIDs(e.InputIDs)
	from, to := 0, n
	if c.limit > 0 && n > c.limit {
		if to = c.limit; c.keepEnd {
			from, to = n-c.limit, n
		}
	}
	last := -1
	for i, label := range e.Labels {
		if label < 0 {
			continue
		}
		r.Trained++
		last = i
		if i >= from && i < to {
			r.KeptTrained++
		}
	}
	// The end of a turn stands among the last trained tokens; templates often write a line end behind it.
	for i := last; i >= 0 && i > last-3; i-- {
		if e.Labels[i] >= 0 && c.stops[e.InputIDs[i]] {
			r.Flags |= flagStop
			if i >= from && i < to {
				r.Flags |= flagStopKept
			}
		}
	}
	for i := 0; i < n && i < 4 && c.bos >= 0 && e.InputIDs[i] == c.bos; i++ {
		r.LeadBOS++
	}
	if e.SharedTokens < e.PromptTokens {
		r.Flags |= flagMerged
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
	turns := turnsOf(raw, c.in.Recipe.Columns)
	whole := ""
	if e.Text != nil {
		whole = *e.Text
	}
	for _, t := range turns {
		if t.null {
			flags |= flagNullText
		}
		for _, s := range c.specials {
			if strings.Contains(t.text, s) {
				flags |= flagSpecialText
			}
		}
		if len(t.text) > longWord && longestWord(t.text) > longWord {
			flags |= flagLongWord
		}
		if trimmed := strings.TrimSpace(t.text); t.chat && whole != "" && trimmed != "" && !strings.Contains(whole, trimmed) {
			flags |= flagDropsText
		}
		switch {
		case t.role == "assistant" && strings.TrimSpace(t.text) == "" && !t.calls:
			flags |= flagEmptyAnswer
		case t.chat && !knownRole(t.role):
			flags |= flagOddRole
		}
	}
	return flags | chatFlags(turns, whole)
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
