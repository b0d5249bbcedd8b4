package run

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// What statusFromEvents reads of a metrics.jsonl: all of a usual one; of a very
// long one only its beginning and its end, so that a list of runs is there at once.
const (
	wholeBytes = 32 << 20
	tailBytes  = 1 << 20
)

// statusFromEvents sums up a folder that has events but no run.json.
func (r *Run) statusFromEvents() (Status, error) {
	return r.summarize(wholeBytes, tailBytes)
}

// summarize folds the events of a file of at most whole bytes into a status. Of
// a longer one it takes the first events and those in the last tail bytes, and
// leaves empty what only all of them can tell.
func (r *Run) summarize(whole, tail int64) (Status, error) {
	s := Status{State: Died, Message: "only its events are here"}
	info, err := os.Stat(r.Path(MetricsFile))
	if errors.Is(err, os.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return Status{}, fmt.Errorf("read events: %w", err)
	}
	last, jumped := info.Size()-tail, false
	for from := int64(0); ; {
		events, next, err := r.Events(from)
		if err != nil {
			return Status{}, err
		}
		for i := range events {
			s.Apply(&events[i])
		}
		if len(events) == 0 {
			break
		}
		from = next
		if info.Size() > whole && from < last {
			if from, err = r.nextLine(last); err != nil {
				return Status{}, err
			}
			jumped = true
			// The newest of these may be among what is passed over.
			s.EvalLoss, s.BestEval, s.BestStep, s.Checkpoint = 0, 0, 0, ""
		}
	}
	if jumped {
		s.TrainedTokens, s.TrainSeconds, s.BestLoss = 0, 0, 0
	}
	return s, nil
}

// nextLine is where the first line after offset from begins, or the end of the
// file when there is none.
func (r *Run) nextLine(from int64) (int64, error) {
	f, err := os.Open(r.Path(MetricsFile))
	if err != nil {
		return 0, fmt.Errorf("read events: %w", err)
	}
	defer f.Close() //nolint:errcheck // opened for reading only
	buffer := make([]byte, 1<<16)
	for {
		n, err := f.ReadAt(buffer, from)
		if i := bytes.IndexByte(buffer[:n], '\n'); i >= 0 {
			return from + int64(i) + 1, nil
		}
		from += int64(n)
		if errors.Is(err, io.EOF) {
			return from, nil
		}
		if err != nil {
			return 0, fmt.Errorf("read events: %w", err)
		}
	}
}
