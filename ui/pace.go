package ui

import "time"

// pace spaces the pictures of a live run out while nobody touches a key, so
// that the workbench can stay open over a slow line: what a picture changes is
// paid for with time. A key ends the wait at once.
type pace struct {
	last    []string // lines of the last picture
	changed int      // bytes that pictures have changed since the last wait, about
	touched time.Time
	wake    chan struct{} // a key was pressed
}

// resting reports that nobody has touched anything for a while.
func (p *pace) resting(now time.Time) bool { return now.Sub(p.touched) >= restAfter }

const (
	// restBytes is what a second at rest may change, as took counts it; with colours
	// and moves of the cursor the terminal gets about twice as much. The charts of a
	// young run, which each step draws anew, have chartBytes for themselves.
	restBytes  = 90
	chartBytes = 180
	// restAfter is how long after a key pictures come as fast as before.
	restAfter = 4 * time.Second
	// restLongest bounds the wait, so that a run is never out of sight.
	restLongest = 9 * time.Second
	// restCharts bounds how long charts stand still while the numbers go on.
	restCharts = 20 * time.Second
)

// took notes a picture. What a line changes is about what lies between its
// first and its last changed byte, and the way there.
func (p *pace) took(lines []string) {
	const move = 8 // bytes that put the cursor somewhere
	if len(lines) == len(p.last) {
		for i, l := range lines {
			if l != p.last[i] {
				p.changed += between(p.last[i], l) + move
			}
		}
	}
	p.last = lines
}

// between is the length of the part of b in which it differs from a.
func between(a, b string) int {
	from := 0
	for from < len(a) && from < len(b) && a[from] == b[from] {
		from++
	}
	end := 0
	for end < len(a)-from && end < len(b)-from && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	return len(b) - end - from
}

// wait is how long the next look at a run may take its time.
func (p *pace) wait(now time.Time) time.Duration {
	changed := p.changed
	p.changed = 0
	if !p.resting(now) {
		return pollLive
	}
	return min(max(time.Duration(changed)*time.Second/restBytes, pollLive), restLongest)
}

// touch ends the wait that is under way.
func (p *pace) touch(now time.Time) {
	p.touched = now
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// stillCharts keeps the picture of the charts while the workbench is at rest:
// in a young run each step moves all of them.
type stillCharts struct {
	of    *tracker
	w, h  int
	lines []string
	until time.Time
}

// picture is what draw draws, or what it drew lately where that may stand still.
func (k *stillCharts) picture(a *app, t *tracker, w, h int, draw func() []string) []string {
	now := a.now()
	same := k.of == t && k.w == w && k.h == h
	fresh := draw()
	if same && a.pace.resting(now) && !t.state().Over() && now.Before(k.until) && len(fresh) == len(k.lines) {
		// The title says the loss, which the log below says too: it costs little and must not be another one.
		k.lines = append(fresh[:1:1], k.lines[1:]...)
		return k.lines
	}
	changed := 0
	if same && len(fresh) == len(k.lines) {
		for i, l := range fresh {
			changed += between(k.lines[i], l)
		}
	}
	*k = stillCharts{of: t, w: w, h: h, lines: fresh, until: now.Add(min(time.Duration(changed)*time.Second/chartBytes, restCharts))}
	return fresh
}
