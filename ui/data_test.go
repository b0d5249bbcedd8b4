package ui

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"sftui/dataset"
)

// sizes are the terminals that every page is drawn on.
var sizes = [][2]int{{80, 24}, {120, 40}, {200, 60}}

func TestDataPage(t *testing.T) {
	for _, size := range sizes {
		d := newDriver(t, size[0], size[1], nil)
		d.press("1").want("40 rows", "chats", "system").golden("data")
		d.press("j", "j", "tab").golden("data_labels")
	}
}

func TestEveryStageShowsWhatItIs(t *testing.T) {
	d := newDriver(t, 120, 40, nil)
	d.press("1", "shift+tab", "shift+tab", "shift+tab")
	d.want("role: system", "How do I list all the files? (0)") // raw
	d.press("tab", "tab").want("<|im_start|>system")           // rendered
	d.press("tab", "tab").want("····")                         // labels: what carries no loss is dots
	d.wantNot("How do I list all the files? (0)<|im_end|>")
	d.press("i").want("-100") // ids
}

// The cut of max_length is drawn where it is, and the rows that it hits are marked.
func TestLongRowShowsTheCut(t *testing.T) {
	d := newDriver(t, 160, 50, nil)
	d.press("1", "n").want("▌    7", "max_length 512 cuts here", "the end token too")
	d.press("n").want("▌   11")
	d.press("N", "N").want("▌   23")
}

// Colour is never the only sign: without it trained and untrained lines differ.
func TestTrainedTokensAreMarkedWithoutColour(t *testing.T) {
	d := newDriver(t, 120, 40, nil)
	d.press("1")
	var trained, untrained bool
	for _, l := range strings.Split(d.screen(), "\n") {
		trained = trained || strings.Contains(l, "┃ ") && strings.Contains(l, "ls -la")
		untrained = untrained || strings.Contains(l, "· How do I list")
	}
	if !trained || !untrained {
		t.Fatalf("no marks in the margin:\n%s", d.screen())
	}
	if !strings.Contains(strings.Join(d.a.screen(), "\n"), ansi.NewStyle().Underline(true).String()[:len("\x1b[4")]) {
		t.Error("trained tokens are not underlined")
	}
}

// Data can hold anything; nothing of it may reach the terminal as a command.
func TestControlCharactersAreShownNotObeyed(t *testing.T) {
	d := newDriver(t, 120, 40, nil)
	d.press("1", "j", "j", "j", "j").want("␛[31m", "Tab→here")
	if raw := strings.Join(d.a.screen(), "\n"); strings.Contains(raw, "\x1b[31mescape") {
		t.Fatal("an escape sequence of the data reached the screen")
	}
	d.wantSize()
}

func TestSearchSortAndFilter(t *testing.T) {
	d := newDriver(t, 120, 40, nil)
	d.press("1", "/").typeText("launch log").press("enter").want("filter: launch log (8)")
	d.press("esc").wantNot("filter:")
	d.press("/").typeText("tokens>1000").press("enter").want("filter: tokens>1000 (3)")
	d.press("esc", "s").want("order: longest first")
	if row := d.a.data.row(0); row != 23 {
		t.Errorf("the longest row is %d", row)
	}
	d.press("/").typeText("nothing has this").press("enter").want("No row matches")
	d.wantSize()
}

// A max_length set here is an edit of the recipe and cuts at once.
func TestSetMaxLength(t *testing.T) {
	d := newDriver(t, 100, 40, nil)
	d.press("1", "L").typeText("64").want("rows longer", "the longest row")
	d.press("x").want("a whole number of tokens").press("enter", "backspace", "enter")
	if v, o := d.a.recipe.r.Get("max_length"); v != "64" || o.String() != "edit" {
		t.Fatalf("max_length is %s from %s", v, o)
	}
	d.want("max_length 64 keeps", "u takes it back").press("u")
	if v, _ := d.a.recipe.r.Get("max_length"); v != "512" {
		t.Fatalf("max_length is %s after undo", v)
	}
}

func TestMissingDataSaysWhatToDo(t *testing.T) {
	for _, size := range sizes {
		d := newDriver(t, size[0], size[1], func(o *Options) { o.Data = "testdata/none.jsonl" })
		d.press("1").want("✗", "none.jsonl", "open another data set").golden("data_missing")
	}
}

// An answer for data that is no longer open is dropped.
func TestStaleAnswersAreDropped(t *testing.T) {
	d := newDriver(t, 120, 40, nil)
	set := d.a.data.set
	d.send(dataOpenedMsg{gen: d.a.data.gen - 1, err: errStale})
	d.send(lengthsMsg{gen: d.a.data.gen - 1, seen: []seenRow{{row: 0, length: rowLength{full: 99999}}}})
	if d.a.data.set != set {
		t.Fatal("an old answer replaced the open data")
	}
	if l, _ := set.lengths.at(0); l.full == 99999 {
		t.Fatal("an old length was taken")
	}
}

func TestLengthsEqualASortedList(t *testing.T) {
	l := newLengths(1000)
	for i := range 1000 {
		n := (i * 7919) % 1000
		if i%100 == 0 {
			n += exactUpTo
		}
		l.put(i, rowLength{full: n, kept: n, trained: n / 2})
	}
	l.put(3, rowLength{full: 5, kept: 5, trained: 1}) // measured again
	if l.known != 1000 {
		t.Errorf("%d rows are known", l.known)
	}
	if q := l.quantile(1); q < exactUpTo {
		t.Errorf("the longest is %d", q)
	}
	if s := l.shareUpTo(exactUpTo - 1); s != 0.99 {
		t.Errorf("share below the long ones is %v", s)
	}
}

// While the random rows are still being prepared, what an earlier scan has left
// or the longest rows are no estimate, and none is shown.
func TestNoEstimateWithoutSample(t *testing.T) {
	d := newDriver(t, 120, 40, nil)
	d.press("1").want("p50", "exact, 40 rows")
	s := &d.a.data.set.strip
	s.progress = dataset.ScanProgress{Stage: dataset.StageLargest, Rows: 7, Total: 40}
	d.want("7 of 40 rows", "The random rows for a first estimate are being prepared.").wantNot("p50", "estimate from")
	s.progress.Sampled = 5
	d.want("p50", "estimate from 7 of 40 rows")
	sum := 0.0
	for _, rows := range s.columns(37) {
		sum += rows
	}
	if sum != 40 {
		t.Errorf("the columns hold %v rows", sum)
	}
}

// A row that is left out trains nothing, and says why.
func TestDroppedRowShowsNothingTrained(t *testing.T) {
	d := newDriver(t, 160, 50, func(o *Options) {
		o.DataOptions = fullDataOptions
		o.Edits = []string{"long_rows=drop"}
	})
	d.press("1", "n").want("row 7 · 1,002 tokens · ✗ dropped", "✗ dropped: the row has 1002 tokens").wantNot("all trained")
}

// A condition that is none is not searched for in vain.
func TestBadFiltersAreExplained(t *testing.T) {
	d := newDriver(t, 140, 40, nil)
	d.press("1", "/").want("tokens>2000 · trained<50%").typeText("tokens>many").press("enter").want("needs a number behind it").want(" / tokens>many")
	d.press("ctrl+u").typeText("is:odd").press("enter").want("is:odd is not known")
	d.press("ctrl+u").typeText("is:cut").press("enter").want("filter: is:cut (2)")
	d.press("end").want("▌   23", "row 23").press("esc").want("▌   23") // it stays at its row
	d.press("s", "s", "s", "s").want("order: problems first")
	if row := d.a.data.row(0); row != 11 && row != 7 {
		t.Errorf("the first problem is row %d", row)
	}
	d.press("esc", "z").want("row ").wantNot("first words").press("z").want("first words")
}

// The rows of a finding are found by its name.
func TestFilterByFinding(t *testing.T) {
	d := newDriver(t, 140, 40, nil)
	d.press("1", "/").typeText("truncated").press("enter").want("filter: truncated (2)")
}

// While a row is waited for, the row before does not stand in its place.
func TestLateRowIsNotShownAsAnother(t *testing.T) {
	d := newDriver(t, 120, 40, nil)
	d.press("1").want("row 0 ·")
	p := d.a.data
	p.list.Move(1, p.rows()) // as if its command were still at work
	d.want("row 0 ·").send(rowLateMsg{p.gen, 1})
	d.want("row 1 · reading …")
	d.send(rowLateMsg{p.gen - 1, 1})
	d.wantSize()
}

// In Chinese the preparation's own words are Chinese too.
func TestNotesInChinese(t *testing.T) {
	d := newDriver(t, 140, 40, func(o *Options) { o.Lang = "zh" })
	d.press("1", "shift+tab", "shift+tab", "shift+tab").want("语言建模（messages）: messages 列是带 role 和 content 的消息列表")
	d.press("tab").want("无需处理").press("tab").want("对话模板把消息写成文本").press("tab", "tab").want("个词元中")
	for _, n := range chineseNotes {
		if strings.Count(n.english.String(), "(") != strings.Count(n.chinese, "$") {
			t.Errorf("%q takes other values than %q", n.chinese, n.english)
		}
	}
}
