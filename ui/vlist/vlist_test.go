package vlist

import (
	"fmt"
	"strings"
	"testing"
)

// rows is a source of n numbered rows that counts what is asked of it.
type rows struct {
	n     int
	asked *int
}

func (r rows) Len() int { return r.n }
func (r rows) Line(i, w int, selected bool) string {
	if r.asked != nil {
		*r.asked++
	}
	mark := " "
	if selected {
		mark = ">"
	}
	return fmt.Sprintf("%s%-*d", mark, w-1, i)
}

func TestOnlyVisibleRowsAreAsked(t *testing.T) {
	asked := 0
	var l List
	lines := l.View(rows{220_000, &asked}, 20, 10)
	if len(lines) != 10 || asked != 10 {
		t.Fatalf("%d lines, %d rows asked", len(lines), asked)
	}
}

func TestMovesStayInside(t *testing.T) {
	var l List
	l.SetHeight(10)
	n := 35
	for _, c := range []struct {
		name   string
		do     func()
		cursor int
	}{
		{"up at the top", func() { l.Move(-1, n) }, 0},
		{"down", func() { l.Move(3, n) }, 3},
		{"page", func() { l.Page(1, n) }, 12},
		{"half page", func() { l.HalfPage(1, n) }, 17},
		{"end", func() { l.End(n) }, 34},
		{"beyond", func() { l.Move(5, n) }, 34},
		{"home", func() { l.Home() }, 0},
		{"center", func() { l.Center(20, n) }, 20},
	} {
		c.do()
		from, to := l.Window(n)
		if l.Cursor() != c.cursor || l.Cursor() < from || l.Cursor() >= to {
			t.Errorf("%s: cursor %d of %d..%d, want %d", c.name, l.Cursor(), from, to, c.cursor)
		}
	}
	if from, _ := l.Window(n); from != 15 {
		t.Errorf("centred window starts at %d", from)
	}
	l.Scroll(10, n)
	if from, _ := l.Window(n); from != 25 || l.Cursor() != 25 {
		t.Errorf("scroll: window %d cursor %d", from, l.Cursor())
	}
}

func TestShrinkingSourceKeepsTheCursorInside(t *testing.T) {
	var l List
	l.SetHeight(5)
	l.End(100)
	lines := l.View(rows{3, nil}, 10, 5)
	if len(lines) != 3 || !strings.HasPrefix(lines[2], ">") {
		t.Fatalf("%q", lines)
	}
	if got := l.View(rows{0, nil}, 10, 5); len(got) != 0 || l.Cursor() != 0 {
		t.Fatalf("empty: %q at %d", got, l.Cursor())
	}
}

func FuzzMoves(f *testing.F) {
	f.Add([]byte{1, 2, 3, 250}, 100, 10)
	f.Fuzz(func(t *testing.T, moves []byte, n, h int) {
		if n < 0 || n > 1e9 {
			return
		}
		var l List
		l.SetHeight(h)
		for _, m := range moves {
			switch m % 6 {
			case 0:
				l.Move(int(int8(m)), n)
			case 1:
				l.Page(int(int8(m)), n)
			case 2:
				l.Scroll(int(int8(m)), n)
			case 3:
				l.Center(int(m)*7, n)
			case 4:
				l.SetHeight(int(m) % 60)
			case 5:
				l.End(n)
			}
			from, to := l.Window(n)
			if from < 0 || to > n || l.Cursor() < 0 || (n > 0 && l.Cursor() >= n) {
				t.Fatalf("window %d..%d cursor %d of %d", from, to, l.Cursor(), n)
			}
			if l.Height() > 0 && n > 0 && (l.Cursor() < from || l.Cursor() >= to) {
				t.Fatalf("cursor %d outside %d..%d", l.Cursor(), from, to)
			}
		}
	})
}

func BenchmarkKeyAndView220k(b *testing.B) {
	var l List
	src := rows{220_000, nil}
	for range b.N {
		l.Move(1, src.n)
		l.View(src, 100, 50)
	}
}
