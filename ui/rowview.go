package ui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"sftui/dataset"
)

// The stages of a row's preparation that the Data page shows.
const (
	stageRaw = iota
	stageConverted
	stageRendered
	stageTokens
	stageLabels
	stageTruncated
	stagePacked // only where rows are packed
	stageCount
)

// stageNames are what the stages are called.
var stageNames = [stageCount]string{"raw", "converted", "rendered", "tokens", "labels", "truncated", "packed"}

// rowView is one row through all stages, ready to be drawn.
type rowView struct {
	gen      int
	row      int
	words    string // first words
	location string
	text     [stageTokens][]string // lines of the stages before tokens
	tokens   []tokenView           // of the whole row, before max_length cuts
	from, to int                   // the tokens that are kept
	limit    int                   // max_length, 0 for none
	trained  int                   // of the kept
	lost     int                   // trained tokens that the cut takes
	eosLost  bool                  // the last trained token is cut off
	dropped  string
	notes    [stageCount]string // what each stage did, one sentence
	borders  map[int]string     // lines before a token: where the rows of a pack meet; nil when not packed
	// packedRows are the rows in the pack, with the row itself.
	packedRows []int
	focus      int // token of the pack at which the row itself begins
	err        error
}

// tokenView is one token.
type tokenView struct {
	id      int32
	text    string // what it stands for, or its own spelling
	role    string
	message int // of the chat, from 1; 0 where it belongs to none
	trained bool
	special bool
}

// same reports whether two tokens belong to the same message.
func (t tokenView) same(o tokenView) bool { return t.role == o.role && t.message == o.message }

// plain is a stage as text without colours, for the clipboard.
func (v *rowView) plain(stage int) string {
	if v.err != nil {
		return v.err.Error()
	}
	if stage < stageTokens {
		return strings.Join(v.text[stage], "\n")
	}
	var b strings.Builder
	for i, t := range v.tokens {
		if stage == stageTruncated && (i < v.from || i >= v.to) || stage == stageLabels && !t.trained {
			continue
		}
		b.WriteString(t.text)
	}
	return b.String()
}

// flow breaks the tokens of a row into lines of a width. It is built only as
// far as somebody scrolls, because a row may have 100,000 tokens.
type flow struct {
	v      *rowView
	th     *theme
	tr     func(string) string
	stage  int
	width  int
	next   int // token that comes next
	lines  []string
	line   strings.Builder
	used   int // cells of the line
	ink    ink
	run    strings.Builder // text of one ink that is not painted yet
	some   bool            // the line has a trained token
	atCut  bool
	atKeep bool
	// announced is the first token whose role has not been named yet.
	announced int
}

// newFlow starts at the first token.
func newFlow(v *rowView, th *theme, tr func(string) string, stage, w int) *flow {
	return &flow{v: v, th: th, tr: tr, stage: stage, width: max(w, 12)}
}

// window returns lines [from, from+h), building them when needed; done reports
// that the text ends there.
func (f *flow) window(from, h int) (lines []string, done bool) {
	for len(f.lines) < from+h+1 && f.next <= len(f.v.tokens) {
		f.step()
	}
	if from >= len(f.lines) {
		return nil, f.next > len(f.v.tokens)
	}
	return f.lines[from:min(from+h, len(f.lines))], f.next > len(f.v.tokens) && from+h >= len(f.lines)
}

// step lays the next token, or the end.
func (f *flow) step() {
	i := f.next
	f.next++
	if i == len(f.v.tokens) {
		f.breakLine()
		return
	}
	f.borders(i)
	t := f.v.tokens[i]
	kept := i >= f.v.from && i < f.v.to
	if f.stage == stageTruncated && !kept {
		return
	}
	f.announce(i)
	f.put(f.inkOf(t, kept), f.spelling(t))
	if strings.HasSuffix(t.text, "\n") {
		f.breakLine()
	}
}

// inkOf is how a token is painted in the stage.
func (f *flow) inkOf(t tokenView, kept bool) ink {
	switch {
	case !kept:
		return inkCut
	case t.trained && t.special:
		return inkSpecialTrained
	case t.trained:
		return inkTrained
	case t.special:
		return inkSpecial
	}
	return inkUntrained
}

// spelling is a token's text; in the labels an untrained one is only dots.
func (f *flow) spelling(t tokenView) string {
	text := visible(t.text)
	if f.stage == stageLabels && !t.trained {
		return strings.Repeat("·", max(1, width(text)))
	}
	return text
}

// seek is the line at which token i begins.
func (f *flow) seek(i int) int {
	for f.next <= i && f.next <= len(f.v.tokens) {
		f.step()
	}
	return max(0, len(f.lines)-1)
}

// borders draws the line at which max_length cuts.
func (f *flow) borders(i int) {
	v := f.v
	if text, ok := v.borders[i]; ok {
		f.rule(inkAccent, text)
	}
	if v.from > 0 && i == v.from && !f.atKeep {
		f.atKeep = true
		f.rule(inkWarn, fmt.Sprintf(f.tr("max_length %s keeps from here: %s tokens before are cut"), count(v.limit), count(v.from)))
	}
	if i == v.to && v.to < len(v.tokens) && !f.atCut {
		f.atCut = true
		if v.dropped != "" && v.to == 0 {
			f.rule(inkError, "✗ "+f.tr("dropped")+": "+visible(v.dropped))
			return
		}
		text := fmt.Sprintf(f.tr("max_length %s cuts here: %s tokens lost, %s of them trained"), count(v.limit), count(len(v.tokens)-v.to), count(v.lost))
		if v.eosLost {
			text += f.tr(", the end token too")
		}
		f.rule(inkWarn, text)
	}
}

// rule draws a heavy line with a text in it.
func (f *flow) rule(i ink, text string) {
	f.breakLine()
	for n, l := range wrap(text, f.width-8) {
		if n == 0 {
			l = "━━ " + l + " "
			l += strings.Repeat("━", max(0, f.width-width(l)))
		} else {
			l = "   " + l
		}
		f.lines = append(f.lines, f.th.paint(i, l))
	}
}

// templateWords is how many tokens a template writes before a message ("start,
// role, line break"); more than that is text of its own, such as a system prompt
// that nobody wrote.
const templateWords = 8

// announce writes a line that names whose words follow. It stands before the
// tokens with which the template opens a message.
func (f *flow) announce(i int) {
	t := f.v.tokens[i]
	switch {
	case i < f.announced, f.v.borders != nil:
	case t.role != "":
		if i == 0 || !f.v.tokens[i-1].same(t) {
			f.roleLine(i)
		}
	case i == 0 || t.special && f.used == 0:
		next := i
		for next < len(f.v.tokens) && f.v.tokens[next].role == "" {
			next++
		}
		if next-i <= templateWords && next < len(f.v.tokens) {
			f.roleLine(next)
		} else if i == 0 {
			f.roleLine(i)
		}
	}
}

// roleLine names the role of the tokens from i on and whether they are trained.
func (f *flow) roleLine(i int) {
	first := f.v.tokens[i]
	trained, n := 0, 0
	for at, t := range f.v.tokens[i:] {
		if !t.same(first) {
			break
		}
		n++
		if t.trained && i+at >= f.v.from && i+at < f.v.to {
			trained++
		}
	}
	f.announced = i + 1
	name := first.role
	switch {
	case name == "":
		name = f.tr("template")
	case first.message > 0:
		name += " · " + fmt.Sprintf(f.tr("message %s"), count(first.message))
	}
	amount := fmt.Sprintf(f.tr("%s tokens"), count(n))
	if n == 1 {
		amount = fmt.Sprintf(f.tr("%s token"), count(n))
	}
	color, share := inkDim, f.tr("not trained")
	switch {
	case trained == n:
		color, share = inkGood, f.tr("all trained")
	case trained > 0:
		color, share = inkGood, fmt.Sprintf(f.tr("%s trained"), count(trained))
	}
	text := fmt.Sprintf(f.tr("%s · %s, %s"), name, amount, share)
	f.breakLine()
	f.lines = append(f.lines, f.th.paint(color, ansi.Truncate("── "+visible(text)+" "+strings.Repeat("─", f.width), f.width, "")))
}

// put adds text in an ink, breaking the line where it is full.
func (f *flow) put(i ink, text string) {
	room := f.width - 2
	for text != "" {
		n := width(text)
		if f.used+n <= room {
			f.use(i)
			f.run.WriteString(text)
			f.used += n
			f.some = f.some || i == inkTrained || i == inkSpecialTrained
			return
		}
		cut := room - f.used
		if n <= room/2 && f.used > 0 { // a short token goes to the next line whole
			f.breakLine()
			continue
		}
		head, rest := splitAt(text, cut)
		if head == "" {
			f.breakLine()
			continue
		}
		f.use(i)
		f.run.WriteString(head)
		f.some = f.some || i == inkTrained || i == inkSpecialTrained
		f.used = room
		text = rest
		f.breakLine()
	}
}

// use paints what came before when the ink changes.
func (f *flow) use(i ink) {
	if i != f.ink {
		f.flush()
		f.ink = i
	}
}

// flush paints the run of one ink.
func (f *flow) flush() {
	if f.run.Len() > 0 {
		f.line.WriteString(f.th.paint(f.ink, f.run.String()))
		f.run.Reset()
	}
}

// breakLine ends the line. Its first cell says whether something in it is
// trained, so that the eye finds it without colour.
func (f *flow) breakLine() {
	f.flush()
	if f.used == 0 {
		return
	}
	mark := f.th.paint(inkDim, "· ")
	if f.some {
		mark = f.th.paint(inkGood, "┃ ")
	}
	f.lines = append(f.lines, mark+f.line.String())
	f.line.Reset()
	f.used, f.some = 0, false
}

// splitAt cuts plain text after at most n cells.
func splitAt(s string, n int) (head, rest string) {
	used := 0
	for i, r := range s {
		w := width(string(r))
		if used+w > n {
			return s[:i], s[i:]
		}
		used += w
	}
	return s, ""
}

// idTable is the tokens as a table: position, id, spelling, label, role.
func (v *rowView) idTable(th *theme, from, h, w int) []string {
	lines := make([]string, 0, h)
	for i := from; i < min(from+h, len(v.tokens)); i++ {
		t := v.tokens[i]
		label := "-100"
		color := inkUntrained
		if t.trained {
			label, color = fmt.Sprint(t.id), inkTrained
		}
		if i < v.from || i >= v.to {
			label, color = "cut", inkCut
		}
		head := fmt.Sprintf("%s %s  ", fitLeft(count(i), 7), fitLeft(fmt.Sprint(t.id), 7))
		whose := visible(t.role)
		if t.message > 0 {
			whose += " " + count(t.message)
		}
		line := head + th.paint(color, fit(visible(t.text), max(8, w-len(head)-25))) + " " +
			th.paint(inkDim, fitLeft(label, 7)+"  "+fit(whose, 13))
		lines = append(lines, fit(line, w))
	}
	return lines
}

// words are the first words of a raw row: of the first user message, the
// prompt, the text, or the first text column.
func words(row dataset.Row) string {
	for _, key := range []string{"messages", "conversations", "prompt", "text", "question", "problem", "instruction"} {
		v, ok := row.Get(key)
		if !ok {
			continue
		}
		if s := wordsOf(v); s != "" {
			return s
		}
	}
	for _, key := range row.Keys() {
		v, _ := row.Get(key)
		if s := wordsOf(v); s != "" {
			return s
		}
	}
	return ""
}

// wordsOf finds the text of a column: a string, or the first message of a user.
func wordsOf(v any) string {
	const enough = 240
	switch x := v.(type) {
	case string:
		return visible(strings.TrimSpace(head(x, enough)))
	case []any:
		first := ""
		for _, m := range x {
			d, ok := m.(dataset.Row)
			if !ok {
				continue
			}
			content := wordsOf(firstOf(d, "content", "value"))
			role := fmt.Sprint(firstOf(d, "role", "from"))
			if role == "user" || role == "human" {
				return content
			}
			if first == "" {
				first = content
			}
		}
		return first
	}
	return ""
}

// firstOf is the value of the first key that is there.
func firstOf(d dataset.Row, keys ...string) any {
	for _, k := range keys {
		if v, ok := d.Get(k); ok {
			return v
		}
	}
	return nil
}

// head is s up to n bytes, not cutting a rune.
func head(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
