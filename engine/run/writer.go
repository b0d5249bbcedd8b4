package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Writer appends events to metrics.jsonl from a goroutine of its own. Write
// only appends to a queue in memory, so training never waits for a disk, and
// nothing is dropped: on a full disk the queue grows and is written when there
// is room again.
type Writer struct {
	mu      sync.Mutex
	wake    *sync.Cond
	queue   []byte // encoded lines that wait
	writing bool   // the goroutine has lines in its hands
	closed  bool
	stuck   error // why the last write failed, nil after one that worked

	file   *os.File
	offset int64 // end of the last complete line on disk; owned by the goroutine, read under mu
	done   chan struct{}
}

// retryEvery is how long the writer waits after a failed write.
const retryEvery = 500 * time.Millisecond

// NewWriter opens path for appending and makes it if needed. A half line that
// a killed process left at the end is cut off first.
func NewWriter(path string) (*Writer, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the run's events: %w", err)
	}
	end, err := lastLineEnd(f)
	if err == nil {
		err = f.Truncate(end)
	}
	if err == nil {
		_, err = f.Seek(end, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the run's events: %w", err), f.Close())
	}
	w := &Writer{file: f, offset: end, done: make(chan struct{})}
	w.wake = sync.NewCond(&w.mu)
	go w.loop()
	return w, nil
}

// lastLineEnd returns the offset after the last newline of f.
func lastLineEnd(f *os.File) (int64, error) {
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	buf := make([]byte, 1<<16)
	for end > 0 {
		n := min(int64(len(buf)), end)
		if _, err := f.ReadAt(buf[:n], end-n); err != nil {
			return 0, err
		}
		for i := n - 1; i >= 0; i-- {
			if buf[i] == '\n' {
				return end - n + i + 1, nil
			}
		}
		end -= n
	}
	return 0, nil
}

// Write queues an event and returns at once. An event without a time gets now.
func (w *Writer) Write(e Event) {
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	line, err := json.Marshal(e)
	if err != nil {
		// Only a float that is no Number can do this; say so in the record
		// rather than lose the fact that something happened.
		line, _ = json.Marshal(Event{Kind: KindWarning, Time: e.Time, Step: e.Step,
			Message: fmt.Sprintf("an event of kind %s could not be written: %v", e.Kind, err)})
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	w.queue = append(append(w.queue, line...), '\n')
	w.wake.Broadcast()
}

// loop writes what is queued until the writer is closed and the queue is empty.
func (w *Writer) loop() {
	defer close(w.done)
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		for len(w.queue) == 0 && !w.closed {
			w.wake.Wait()
		}
		if len(w.queue) == 0 {
			return
		}
		lines := w.queue
		w.queue, w.writing = nil, true
		w.mu.Unlock()
		err := w.append(lines)
		w.mu.Lock()
		w.writing, w.stuck = false, err
		if err == nil {
			w.offset += int64(len(lines))
		} else {
			w.queue = append(lines, w.queue...)
		}
		w.wake.Broadcast()
		if err == nil {
			continue
		}
		if w.closed {
			return // Close reports stuck
		}
		w.mu.Unlock()
		time.Sleep(retryEvery)
		w.mu.Lock()
	}
}

// append writes lines whole or not at all.
func (w *Writer) append(lines []byte) error {
	if _, err := w.file.WriteAt(lines, w.offset); err != nil {
		return errors.Join(err, w.file.Truncate(w.offset))
	}
	return nil
}

// Sync waits until everything queued before it is on the disk and returns the
// length of the file, the position that a checkpoint records. On a full disk
// it returns the error at once; the events stay queued.
func (w *Writer) Sync() (int64, error) {
	w.mu.Lock()
	for (len(w.queue) > 0 || w.writing) && (w.stuck == nil || w.writing) {
		w.wake.Wait()
	}
	offset, err := w.offset, w.stuck
	w.mu.Unlock()
	if err != nil {
		return offset, fmt.Errorf("write the run's events: %w", err)
	}
	if err := w.file.Sync(); err != nil {
		return offset, fmt.Errorf("write the run's events: %w", err)
	}
	return offset, nil
}

// Lost reports whether the file's name is gone, or is another file's by now.
func (w *Writer) Lost() (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	mine, err := w.file.Stat()
	if err != nil {
		return false, err
	}
	there, err := os.Stat(w.file.Name())
	if err != nil {
		return errors.Is(err, os.ErrNotExist), ignoreMissing(err)
	}
	return !os.SameFile(mine, there), nil
}

// Rejoin makes a lost file again under its name, with all that was written.
func (w *Writer) Rejoin() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.writing {
		w.wake.Wait()
	}
	f, err := os.OpenFile(w.file.Name(), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if _, err = io.Copy(f, io.NewSectionReader(w.file, 0, w.offset)); err == nil {
		err = f.Sync()
	}
	if err != nil {
		return errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	old := w.file
	w.file = f
	return old.Close()
}

// Close writes the rest, syncs and closes the file.
func (w *Writer) Close() error {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil
	}
	w.closed = true
	w.wake.Broadcast()
	w.mu.Unlock()
	<-w.done
	w.mu.Lock()
	err := w.stuck
	w.mu.Unlock()
	if err = errors.Join(err, w.file.Sync(), w.file.Close()); err != nil {
		return fmt.Errorf("close the run's events: %w", err)
	}
	return nil
}
