package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sync"
)

// maxRecord is the size of a single row beyond which reading it is refused:
// such a row is a broken file, and decoding it would take gigabytes.
const maxRecord = 64_000_000

// scanFunc finds the records of a file: it reads r to its end and calls emit
// with each record's first byte, length and line number (1-based).
type scanFunc func(r io.Reader, emit func(start, length, line int64) error) error

// recordIndex holds where each record of a file lies. It grows while a
// goroutine reads the file, so that the first rows are there at once.
type recordIndex struct {
	mu     sync.Mutex
	grown  sync.Cond
	starts []int64
	sizes  []uint32
	// lines holds the line numbers as (first row, line number minus row) steps:
	// one entry for a file without blank or multi-line records.
	lines []lineStep
	done  bool
	err   error
}

type lineStep struct {
	row   int
	extra int64
}

func newRecordIndex() *recordIndex {
	ix := &recordIndex{}
	ix.grown.L = &ix.mu
	return ix
}

// build runs scan to its end; batches keep the lock cheap.
func (ix *recordIndex) build(ctx context.Context, r io.Reader, scan scanFunc, name string) {
	const batch = 4096
	starts, sizes, lines := make([]int64, 0, batch), make([]uint32, 0, batch), make([]int64, 0, batch)
	flushed := 0
	flush := func() {
		ix.mu.Lock()
		defer ix.mu.Unlock()
		for i := range starts {
			row := len(ix.starts)
			extra := lines[i] - int64(row)
			if n := len(ix.lines); n == 0 || ix.lines[n-1].extra != extra {
				ix.lines = append(ix.lines, lineStep{row, extra})
			}
			ix.starts = append(ix.starts, starts[i])
			ix.sizes = append(ix.sizes, sizes[i])
		}
		flushed += len(starts)
		starts, sizes, lines = starts[:0], sizes[:0], lines[:0]
		ix.grown.Broadcast()
	}
	err := scan(r, func(start, length, line int64) error {
		if length > math.MaxUint32 {
			return fmt.Errorf("%s line %d is %s long; is it a data file?", name, line, byteCount(length))
		}
		starts, sizes, lines = append(starts, start), append(sizes, uint32(length)), append(lines, line)
		if len(starts) == batch || flushed+len(starts) <= 64 {
			flush()
		}
		return ctx.Err()
	})
	flush()
	ix.mu.Lock()
	ix.done, ix.err = true, err
	ix.grown.Broadcast()
	ix.mu.Unlock()
}

// wait returns once row i is known or the file is read to its end.
func (ix *recordIndex) wait(i int) (start int64, size int64, ok bool, err error) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	for i >= len(ix.starts) && !ix.done {
		ix.grown.Wait()
	}
	if i < 0 || i >= len(ix.starts) {
		return 0, 0, false, ix.err
	}
	return ix.starts[i], int64(ix.sizes[i]), true, nil
}

func (ix *recordIndex) len() int {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	for !ix.done {
		ix.grown.Wait()
	}
	return ix.rows()
}

// rows counts what cannot be read of a broken file as one row more: whoever
// reads all rows meets the error there, and nothing is lost in silence.
func (ix *recordIndex) rows() int {
	if ix.err != nil && !errors.Is(ix.err, context.Canceled) {
		return len(ix.starts) + 1
	}
	return len(ix.starts)
}

func (ix *recordIndex) ready() (rows int, complete bool) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	return ix.rows(), ix.done
}

func (ix *recordIndex) line(i int) int64 {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	lo, hi := 0, len(ix.lines) // the last step that begins at or before i
	for lo < hi {
		mid := (lo + hi) / 2
		if ix.lines[mid].row <= i {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == 0 {
		return int64(i) + 1
	}
	return int64(i) + ix.lines[lo-1].extra
}

// recordSource is a Source over a file of records: JSON lines, a JSON array,
// CSV or text.
type recordSource struct {
	name    string
	path    string
	unit    string // "line" or "row": what Location counts
	columns []string
	decode  func(data []byte) (Row, error)
	notes   map[string][]string // by column: how the file is read otherwise than one would think

	file   *os.File
	ix     *recordIndex
	stop   context.CancelFunc
	joined chan struct{} // closed when the index goroutine has ended
	once   sync.Once
}

// openRecords starts reading in's records. The first row is decoded before it
// returns, so that a file of another kind is refused at once.
func openRecords(ctx context.Context, in *input, unit string, scan scanFunc, decode func([]byte) (Row, error)) (*recordSource, error) {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &recordSource{name: in.name, path: in.path, unit: unit, decode: decode, file: in.file, ix: newRecordIndex(), stop: stop, joined: make(chan struct{})}
	go func() {
		defer close(s.joined)
		s.ix.build(background, in.stream(), scan, in.name)
		in.finish(s.ix.err == nil)
	}()
	row, err := s.At(0)
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	s.columns = row.Keys()
	return s, nil
}

// Ready is the number of rows known so far and whether that is all of them.
func (s *recordSource) Ready() (rows int, complete bool) { return s.ix.ready() }

func (s *recordSource) Len() int          { return s.ix.len() }
func (s *recordSource) Name() string      { return s.name }
func (s *recordSource) Columns() []string { return s.columns }

func (s *recordSource) Location(i int) string {
	n := int64(i) // rows count from 0, lines from 1, as everywhere in sftui
	if s.unit == "line" {
		n = s.ix.line(i)
	}
	return fmt.Sprintf("%s %s %d", s.name, s.unit, n)
}

func (s *recordSource) ByteSize(i int) int64 {
	_, size, ok, _ := s.ix.wait(i)
	if !ok {
		return -1
	}
	return size
}

func (s *recordSource) At(i int) (Row, error) {
	data, err := s.raw(i)
	if err != nil {
		return nil, err
	}
	row, err := s.decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s %w", s.Location(i), err)
	}
	return row, nil
}

// raw reads the bytes of record i.
func (s *recordSource) raw(i int) ([]byte, error) {
	start, size, ok, err := s.ix.wait(i)
	switch {
	case !ok && err != nil:
		return nil, err
	case !ok && i == 0:
		return nil, fmt.Errorf("%s has no rows; give a file with at least one row", s.name)
	case !ok:
		return nil, fmt.Errorf("%s has %d rows, there is no row %d", s.name, s.ix.len(), i)
	case size > maxRecord:
		return nil, fmt.Errorf("%s is %s long, more than the %s that one row may have; split or remove it",
			s.Location(i), byteCount(size), byteCount(maxRecord))
	}
	data := make([]byte, size)
	if _, err := s.file.ReadAt(data, start); err != nil {
		return nil, fmt.Errorf("%s cannot be read (did the file change?): %w", s.Location(i), err)
	}
	return data, nil
}

func (s *recordSource) Close() error {
	var err error
	s.once.Do(func() {
		s.stop()
		<-s.joined
		err = s.file.Close()
	})
	return err
}

// byteCount writes a size as a person would: "100.0 MB".
func byteCount(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d bytes", n)
}
