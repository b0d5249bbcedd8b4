package setup

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// barWidth is the number of cells of the bar on a terminal.
const barWidth = 24

// Print returns a reporter that writes to w: on a terminal one line that is drawn over for each position, elsewhere a
// plain line for each event and each tenth of the way.
func Print(w io.Writer) Reporter {
	p := &printer{w: w, terminal: IsTerminal(w), tenth: map[string]int64{}}
	return p.report
}

// IsTerminal reports whether w is a character device, so that bars and colours make sense.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

type printer struct {
	mu       sync.Mutex
	w        io.Writer
	terminal bool
	drawn    time.Time
	tenth    map[string]int64 // the last tenth told of each step
}

const clearLine = "\r\x1b[K"

func (p *printer) report(r Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case r.Note != "" && p.terminal:
		fmt.Fprintf(p.w, "%s%s: %s\n", clearLine, r.Step, r.Note)
	case r.Note != "":
		delete(p.tenth, r.Step)
		fmt.Fprintf(p.w, "%s: %s\n", r.Step, r.Note)
	case p.terminal:
		p.bar(r)
	default:
		p.tenths(r)
	}
}

func (p *printer) bar(r Progress) {
	if now := time.Now(); now.Sub(p.drawn) >= 100*time.Millisecond || r.Done == r.Total {
		p.drawn = now
		fmt.Fprint(p.w, clearLine, r.Step, " ", position(r))
		if r.Done == r.Total {
			fmt.Fprint(p.w, clearLine)
		}
	}
}

func (p *printer) tenths(r Progress) {
	if r.Total <= 0 {
		return
	}
	if tenth := 10 * r.Done / r.Total; tenth > p.tenth[r.Step] {
		p.tenth[r.Step] = tenth
		fmt.Fprintf(p.w, "%s: %s\n", r.Step, position(r))
	}
}

// position describes how far a step is.
func position(r Progress) string {
	if r.Total <= 0 {
		return fmt.Sprintf("… %d", r.Done)
	}
	filled := int(min(r.Done, r.Total) * barWidth / r.Total)
	return fmt.Sprintf("[%s%s] %d%% of %s", strings.Repeat("█", filled), strings.Repeat("·", barWidth-filled),
		100*min(r.Done, r.Total)/r.Total, Bytes(r.Total))
}

// Bytes writes a size as people read it, in powers of 1024.
func Bytes(n int64) string {
	const units = "KMGTP"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n)/1024, 0
	for value >= 1024 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	return fmt.Sprintf("%.1f %ciB", value, units[unit])
}
