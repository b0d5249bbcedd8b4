package ui

import (
	"fmt"
	"testing"

	tea "charm.land/bubbletea/v2"

	"sftui/engine/run"
	"sftui/ui/vlist"
)

// BenchmarkView draws each page at 200×60; the ceiling we hold ourselves to is 8 ms.
func BenchmarkView(b *testing.B) {
	for _, p := range tabOrder {
		b.Run(pageNames[p], func(b *testing.B) {
			a := benchApp(b)
			a.page = p
			b.ResetTimer()
			for range b.N {
				a.screen()
			}
		})
	}
}

// BenchmarkKeyToFrame presses a key in the list of rows and draws the screen;
// the ceiling is 16 ms.
func BenchmarkKeyToFrame(b *testing.B) {
	a := benchApp(b)
	a.page = pageData
	b.ResetTimer()
	for range b.N {
		a.Update(tea.KeyPressMsg{Code: 'j', Text: "j"})
		a.View()
	}
}

// BenchmarkEvents takes a second's worth of a fast run (50 steps) and draws it.
func BenchmarkEvents(b *testing.B) {
	a := benchApp(b)
	a.page = pageTrain
	events := steps(50)
	b.ResetTimer()
	for range b.N {
		a.Update(runEventsMsg{gen: a.train.gen, events: events, next: 1, known: true, status: a.train.on.status})
		a.View()
	}
}

// BenchmarkRowList220k moves through a list as long as OpenR1-Math-220k.
func BenchmarkRowList220k(b *testing.B) {
	a := benchApp(b)
	n := 220_000
	set := a.data.set
	set.lengths = newLengths(n)
	a.data.order = make([]int, n)
	for i := range n {
		a.data.order[i] = i % 40
		set.lengths.put(i, rowLength{full: i % 20000, kept: i % 512, trained: i % 300})
	}
	var l vlist.List
	b.ResetTimer()
	for range b.N {
		l.Move(1, n)
		l.View(rowLines{a.data}, 90, 56)
	}
}

// benchApp is the workbench at 200×60 with data open and a run of 100,000 steps.
func benchApp(b *testing.B) *app {
	b.Helper()
	d := newDriver(b, 200, 60, nil)
	t := newTracker(1, &run.Run{Dir: b.TempDir()}, clock)
	for i := 0; i < 100_000; i += 400 {
		for _, e := range steps(400) {
			e.Step += i
			t.event(&e)
		}
		t.marks = t.marks[:min(len(t.marks), 50)]
	}
	t.known = true
	t.status = run.Status{State: run.Training, Step: 100_000, TotalSteps: 200_000, MicroBatch: 4, Accumulation: 8, MemoryLimit: 24 << 30, MemoryPeak: 5 << 30}
	d.a.train.on = t
	d.a.train.gen = 1
	for i := range 500 {
		d.a.runs.all = append(d.a.runs.all, run.Summary{Name: fmt.Sprintf("run-%d", i), Dir: fmt.Sprint(i)})
	}
	return d.a
}
