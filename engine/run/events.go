package run

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// ErrRewound tells that metrics.jsonl was cut back (the run was resumed from a
// checkpoint) below the offset that was asked for: read again from 0.
var ErrRewound = errors.New("the run was resumed from an earlier step; read its events again from the start")

// maxEvents bounds one answer of Events, so that opening a run with millions
// of steps does not hold the caller for seconds.
const maxEvents = 20000

// Events reads the complete lines of metrics.jsonl from a byte offset and
// returns them with the offset to go on from. A last line that is still being
// written is left for the next call. A line that is not an event is skipped.
// It answers with at most 20,000 events; call again while it returns any.
func (r *Run) Events(from int64) ([]Event, int64, error) {
	f, err := os.Open(r.Path(MetricsFile))
	if errors.Is(err, os.ErrNotExist) {
		if from > 0 {
			return nil, 0, ErrRewound
		}
		return nil, 0, nil
	}
	if err != nil {
		return nil, from, fmt.Errorf("read events: %w", err)
	}
	defer f.Close() //nolint:errcheck // opened for reading only
	if err := seekLine(f, from); err != nil {
		return nil, 0, err
	}
	var events []Event
	in := bufio.NewReaderSize(f, 1<<16)
	for len(events) < maxEvents {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return events, from, nil
		}
		if err != nil {
			return events, from, fmt.Errorf("read events: %w", err)
		}
		from += int64(len(line))
		var e Event
		if json.Unmarshal(bytes.TrimSpace(line), &e) == nil && e.Kind != "" {
			events = append(events, e)
		}
	}
	return events, from, nil
}

// seekLine goes to offset from and checks that a line starts there.
func seekLine(f *os.File, from int64) error {
	if from == 0 {
		return nil
	}
	if from < 0 {
		return fmt.Errorf("read events: negative offset %d", from)
	}
	var last [1]byte
	if _, err := f.ReadAt(last[:], from-1); errors.Is(err, io.EOF) || (err == nil && last[0] != '\n') {
		return ErrRewound
	} else if err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	_, err := f.Seek(from, io.SeekStart)
	return err
}
