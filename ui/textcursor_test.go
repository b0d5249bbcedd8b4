package ui

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

// atCursor is what the line of the terminal's cursor shows before and after it.
func (d *driver) atCursor() (before, after string) {
	d.t.Helper()
	v := d.a.View()
	if v.Cursor == nil {
		d.t.Fatalf("the cursor is hidden:\n%s", ansi.Strip(v.Content))
	}
	if strings.Contains(v.Content, cursorMark) {
		d.t.Fatal("the mark is sent to the terminal")
	}
	line := ansi.Strip(strings.Split(v.Content, "\n")[v.Cursor.Y])
	return ansi.Truncate(line, v.Cursor.X, ""), ansi.TruncateLeft(line, v.Cursor.X, "")
}

// wantCursor fails unless the cursor stands between the two texts.
func (d *driver) wantCursor(before, after string) {
	d.t.Helper()
	b, a := d.atCursor()
	if !strings.HasSuffix(b, before) || !strings.HasPrefix(a, after) {
		d.t.Fatalf("the cursor stands between %q and %q, not %q and %q", b, a, before, after)
	}
}

// wantNoCursor fails unless the terminal's cursor is hidden.
func (d *driver) wantNoCursor() {
	d.t.Helper()
	if c := d.a.View().Cursor; c != nil {
		d.t.Fatalf("the cursor is shown at %d, %d:\n%s", c.X, c.Y, d.screen())
	}
}

// The terminal's cursor stands where the next character goes in everything
// that is typed in, wide characters counted, and is hidden elsewhere.
func TestTheTerminalsCursorIsWhereTypingGoes(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}, {200, 60}} {
		d := newDriver(t, size[0], size[1], nil)
		d.wantNoCursor()
		d.press("/").typeText("日本語 ab").wantCursor("日本語 ab", " ")
		d.press("left", "left", "left", "left").wantCursor("日本", "語 ab")
		d.press(":").wantCursor("日本:", "語 ab") // a search takes every key
		d.press("esc").wantNoCursor()

		d.press(":").typeText("数据").wantCursor("› 数据", " ")
		d.press("esc").wantNoCursor()
		d.press("o").typeText("模型/データ").press("home").wantCursor("› ", "模型")
		d.press("esc", "?").wantNoCursor() // a dialog without a text
		d.press("esc", "3").wantNoCursor()

		d.a.recipe.goToKey("run_name")
		d.press("enter").typeText("我的 run").wantCursor("我的 run", " ")
		d.press("esc")
		d.a.recipe.goToKey("system_prompt")
		d.press("enter").typeText("你好,").press("enter").typeText("世界x").press("left").wantCursor(" 世界", "x")
		d.press("up").wantCursor("你好", ",") // the cell above
		d.press("esc").wantNoCursor()
	}
}

// Text that is wider than its field scrolls, and the cursor stays in the field.
func TestTheCursorStaysInALongField(t *testing.T) {
	d := newDriver(t, 80, 24, nil)
	d.press("/").typeText(strings.Repeat("长", 90)+"末").wantCursor("长末", " ")
	d.press("home").wantCursor("", "长长")
	for range 60 {
		d.press("right")
		before, _ := d.atCursor()
		if n := width(before); n >= 80 {
			t.Fatalf("the cursor is at cell %d of 80", n)
		}
	}
}

// What is open under a dialog keeps its cursor to itself.
func TestADialogHidesTheCursorOfThePageUnderIt(t *testing.T) {
	d := newDriver(t, 120, 40, nil)
	d.press("/").typeText("abc").wantCursor("abc", " ")
	d.a.push(&question{title: "Really?", lines: []string{"a question"}})
	d.wantNoCursor()
}
