package dataset

import (
	"container/list"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/parquet-go/parquet-go"
)

// Rows of a parquet file are read and kept in blocks; a few megabytes of
// recent blocks stay in memory, so that a list can be scrolled and a scan read
// through without decoding a row twice.
const (
	blockRows      = 64
	blockCacheSize = 24 << 20 // bytes of string data over all kept blocks
	openReaders    = 4
)

// parquetSource reads a parquet file by row group and page.
type parquetSource struct {
	name    string
	in      *input
	file    *parquet.File
	root    *parquetNode
	columns []string
	firsts  []int64 // first row of each row group, then the number of rows

	mu      sync.Mutex
	changed *sync.Cond            // a load has ended; its lock is mu
	blocks  map[int]*list.Element // by block number; value *rowBlock
	loading map[int]bool          // blocks that a goroutine is loading now
	recent  list.List             // most recently used first
	bytes   int64
	readers []*groupReader // most recently used first
	sizes   []int64        // bytes of each row, once measured
	closed  bool

	leaves   []int    // the leaf columns that are read, all of them when nil
	borrowed bool     // a projection: the file is another source's
	indexed  bool     // the file has a page index, so that seeking skips pages unread
	lz4      bool     // see usesLZ4
	checked  sync.Map // row groups whose pages checkGroup has seen
}

type rowBlock struct {
	number int
	rows   []Row
	bytes  int64
}

// groupReader is a row reader within one row group. Whoever has made it busy
// uses it without the source's lock.
type groupReader struct {
	group  int
	next   int64 // row within the group at which it stands; of a busy one its user's
	stands int64 // the same for everybody: of a busy one where it will stand then
	busy   bool
	rows   parquet.Rows
}

func openParquet(in *input) (_ *parquetSource, err error) {
	defer recoverParquet(in.name, &err)
	if err := in.drain(); err != nil {
		return nil, err
	}
	st, err := in.file.Stat()
	if err != nil {
		return nil, cannotOpen(in.name, err)
	}
	f, err := openParquetFile(in, st.Size())
	if err != nil {
		return nil, brokenParquet(in, st.Size(), err)
	}
	s := &parquetSource{name: in.name, in: in, file: f, lz4: usesLZ4(f)}
	s.ready()
	if s.root, err = newParquetNode(f); err != nil {
		return nil, fmt.Errorf("%s: %w", in.name, err)
	}
	for _, c := range s.root.fields {
		if slices.Contains(s.columns, c.name) {
			return nil, fmt.Errorf("%s has two columns named %q; rename one of them", in.name, c.name)
		}
		s.columns = append(s.columns, c.name)
	}
	n := int64(0)
	for k, g := range f.RowGroups() {
		if err := checkRowGroup(f, k, g.NumRows()); err != nil {
			return nil, fmt.Errorf("%s is damaged: %w; download or copy it again", in.name, err)
		}
		s.firsts = append(s.firsts, n)
		n += g.NumRows()
	}
	s.firsts = append(s.firsts, n)
	if n == 0 {
		return nil, fmt.Errorf("%s has no rows; give a file with at least one row", in.name)
	}
	s.indexed = len(f.OffsetIndexes()) > 0
	return s, nil
}

// checkRowGroup compares the rows that row group k claims with the values that
// its columns claim: every row has one in each column, be it a null.
func checkRowGroup(f *parquet.File, k int, rows int64) error {
	if rows < 0 {
		return fmt.Errorf("row group %d claims %d rows", k, rows)
	}
	for _, chunk := range f.Metadata().RowGroups[k].Columns {
		if chunk.MetaData.NumValues < rows {
			return fmt.Errorf("row group %d claims %d rows, but a column of it has %d values", k, rows, chunk.MetaData.NumValues)
		}
	}
	return nil
}

// ready makes the parts that a zero value lacks.
func (s *parquetSource) ready() {
	s.blocks, s.loading, s.changed = map[int]*list.Element{}, map[int]bool{}, sync.NewCond(&s.mu)
}

// openGroup starts reading row group g.
func (s *parquetSource) openGroup(g int) parquet.Rows {
	group := s.file.RowGroups()[g]
	if s.leaves == nil {
		return group.Rows()
	}
	chunks := make([]parquet.ColumnChunk, len(s.leaves))
	for i, leaf := range s.leaves {
		chunks[i] = group.ColumnChunks()[leaf]
	}
	return parquet.NewRowGroupRowReader(projectedGroup{group, chunks})
}

func brokenParquet(in *input, size int64, err error) error {
	head := make([]byte, 4)
	if _, headErr := in.file.ReadAt(head, 0); headErr == nil && string(head) == "PAR1" {
		return fmt.Errorf("%s begins as a parquet file but its end is missing or damaged (%s read): it seems cut off; download or copy it again", in.name, byteCount(size))
	}
	return fmt.Errorf("%s is not a parquet file: %w; check what it is", in.name, err)
}

// recoverParquet turns a panic of the parquet reader, which damaged data can
// cause, into an error.
func recoverParquet(name string, err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%s is damaged: %v; download or copy it again", name, r)
	}
}

func (s *parquetSource) Len() int          { return int(s.firsts[len(s.firsts)-1]) }
func (s *parquetSource) Name() string      { return s.name }
func (s *parquetSource) Columns() []string { return s.columns }

func (s *parquetSource) Location(i int) string { return fmt.Sprintf("%s row %d", s.name, i) }

// ByteSize is the row's own size once MeasureBytes has run, before that the
// average of its row group.
func (s *parquetSource) ByteSize(i int) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i < 0 || i >= s.Len() {
		return -1
	}
	if s.sizes != nil {
		return s.sizes[i]
	}
	g := s.group(int64(i))
	return s.file.Metadata().RowGroups[g].TotalByteSize / max(1, s.firsts[g+1]-s.firsts[g])
}

// group is the row group that holds row i.
func (s *parquetSource) group(i int64) int {
	lo, hi := 0, len(s.firsts)-1
	for hi-lo > 1 {
		mid := (lo + hi) / 2
		if s.firsts[mid] <= i {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// At returns row i. The row is shared with other callers and must not be changed.
func (s *parquetSource) At(i int) (row Row, err error) {
	if i < 0 || i >= s.Len() {
		return nil, fmt.Errorf("%s has %d rows, there is no row %d", s.name, s.Len(), i)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.group(int64(i))
	inGroup := (int64(i) - s.firsts[g]) / blockRows * blockRows
	// Blocks never cross a row group; a block's first row numbers it.
	number := int(s.firsts[g] + inGroup)
	block, err := s.block(number, g, inGroup)
	if err != nil {
		return nil, err
	}
	if i-number >= len(block.rows) {
		return nil, fmt.Errorf("%s: its row group ends early; the file seems cut off, download or copy it again", s.Location(i))
	}
	return block.rows[i-number], nil
}

// block gives the block whose first row is row inGroup of row group g. The
// caller holds s.mu, which is free while rows are decoded.
func (s *parquetSource) block(number, g int, inGroup int64) (*rowBlock, error) {
	for {
		if s.closed {
			return nil, fmt.Errorf("%s is closed", s.name)
		}
		if e, ok := s.blocks[number]; ok {
			s.recent.MoveToFront(e)
			return e.Value.(*rowBlock), nil
		}
		if !s.loading[number] {
			if r := s.reader(g, inGroup); r != nil {
				return s.loadBlock(r, number, inGroup)
			}
		}
		s.changed.Wait()
	}
}

// loadBlock decodes a block with r, which is not busy, and keeps it.
func (s *parquetSource) loadBlock(r *groupReader, number int, inGroup int64) (*rowBlock, error) {
	want := min(blockRows, s.firsts[r.group+1]-s.firsts[r.group]-inGroup)
	s.loading[number], r.busy, r.stands = true, true, inGroup+want
	s.mu.Unlock()
	block, err := s.load(r, number, inGroup, int(want))
	s.mu.Lock()
	r.busy, r.stands = false, r.next
	delete(s.loading, number)
	s.changed.Broadcast()
	if err != nil {
		s.drop(r)
		return nil, err
	}
	s.blocks[number] = s.recent.PushFront(block)
	s.bytes += block.bytes
	for s.bytes > blockCacheSize && s.recent.Len() > 1 {
		last := s.recent.Back()
		old := s.recent.Remove(last).(*rowBlock)
		delete(s.blocks, old.number)
		s.bytes -= old.bytes
	}
	return block, nil
}

// load decodes want rows from row inGroup of r's row group on.
func (s *parquetSource) load(r *groupReader, number int, inGroup int64, want int) (block *rowBlock, err error) {
	defer recoverParquet(s.Location(number), &err)
	if r.rows == nil {
		if err := s.checkGroup(r.group); err != nil {
			return nil, s.readError(number, err)
		}
		r.rows = s.openGroup(r.group)
	}
	if err := s.forward(r, inGroup); err != nil {
		return nil, s.readError(number, err)
	}
	block = &rowBlock{number: number, rows: make([]Row, 0, want)}
	buf := make([]parquet.Row, min(16, want))
	for len(block.rows) < want {
		n, err := r.rows.ReadRows(buf[:min(len(buf), want-len(block.rows))])
		for _, values := range buf[:n] {
			row, size := s.root.assemble(values)
			block.rows = append(block.rows, row)
			block.bytes += size
		}
		r.next += int64(n)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, s.readError(number+len(block.rows), err)
		}
	}
	return block, nil
}

func (s *parquetSource) readError(row int, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%s: the file ends before it; it seems cut off, download or copy it again", s.Location(row))
	}
	return fmt.Errorf("%s cannot be read: %w; download or copy the file again", s.Location(row), err)
}

// reader gives a reader of row group g that stands at row, one that is already
// there or near before it where possible: a file without page index can only
// be read forward. It is nil while another goroutine reads up to there with
// the one that is best; the caller holds s.mu.
func (s *parquetSource) reader(g int, row int64) *groupReader {
	best := -1
	for k, r := range s.readers {
		if r.group == g && r.stands <= row && (best < 0 || r.stands > s.readers[best].stands) {
			best = k
		}
	}
	if best >= 0 && s.readers[best].busy {
		return nil
	}
	if best < 0 {
		for k := len(s.readers) - 1; k >= 0 && len(s.readers) >= openReaders; k-- {
			if !s.readers[k].busy {
				s.drop(s.readers[k])
			}
		}
		s.readers = append(s.readers, &groupReader{group: g})
		best = len(s.readers) - 1
	}
	r := s.readers[best]
	copy(s.readers[1:best+1], s.readers[:best])
	s.readers[0] = r
	return r
}

// forward moves r to row. Without a page index a seek starts over at the row
// group's beginning, so that reading on is cheaper.
func (s *parquetSource) forward(r *groupReader, row int64) error {
	if r.next > 0 && !s.indexed {
		buf := make([]parquet.Row, 64)
		for r.next < row {
			n, err := r.rows.ReadRows(buf[:min(int64(len(buf)), row-r.next)])
			r.next += int64(n)
			if err != nil && r.next < row {
				return err
			}
		}
	}
	if r.next == row {
		return nil
	}
	if err := r.rows.SeekToRow(row); err != nil {
		return err
	}
	r.next = row
	return nil
}

func (s *parquetSource) drop(r *groupReader) {
	if r.rows != nil {
		_ = r.rows.Close()
	}
	for k := range s.readers {
		if s.readers[k] == r {
			s.readers = append(s.readers[:k], s.readers[k+1:]...)
			return
		}
	}
}

func (s *parquetSource) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	for len(s.loading) > 0 {
		s.changed.Wait()
	}
	for len(s.readers) > 0 {
		s.drop(s.readers[0])
	}
	s.blocks, s.bytes = nil, 0
	s.recent.Init()
	if s.borrowed {
		return nil
	}
	return s.in.file.Close()
}
