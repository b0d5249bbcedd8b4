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

const (
	// restBytes is what a second at rest may change, as took counts it; with colours
	// and moves of the cursor the terminal gets about twice as much.
	restBytes = 240
	// restAfter is how long after a key pictures come as fast as before.
	restAfter = 4 * time.Second
	// restLongest bounds the wait, so that a run is never out of sight.
	restLongest = 9 * time.Second
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
	if now.Sub(p.touched) < restAfter {
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
