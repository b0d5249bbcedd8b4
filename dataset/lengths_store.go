package dataset

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// lengthStore keeps a scan's results in a folder of its own, named after the
// data, the tokenizer, the template and the options: a journal of lengths that
// is only ever appended to, and beside it the mapped file of prepared ids. A
// scan that was cut off, by whatever, goes on after the journal's last whole
// entry.
type lengthStore struct {
	dir         string
	fingerprint string
	storeIDs    bool
	width       int
	total       int

	mu      sync.Mutex
	rows    []RowLength   // found on opening
	places  []recordPlace // by row, when ids are kept
	end0    int64         // bytes of the journal that hold whole entries
	mapped0 int64         // bytes of the mapped file that those entries vouch for
	file    *os.File
	out     *bufio.Writer
	ids     *mappedWriter
	reader  *os.File // of ids, for notes on rows of earlier runs
	lock    *os.File // held so that no other process writes here
	notes   *noteStore
	flushed time.Time
	table   *crc32.Table

	finished bool // a run of this scan has written every row
}

const (
	journalEntry = 52
	journalMagic = "SFTUILN2"
)

func openLengthStore(o ScanOptions, prepared string, total int) (*lengthStore, error) {
	ends := slices.Sorted(slices.Values(o.Ends))
	key := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s\x00%d\x00%v\x00%d", journalMagic, o.Content, prepared, total, o.StoreIDs, ends))
	st := &lengthStore{fingerprint: hex.EncodeToString(key[:]), storeIDs: o.StoreIDs, width: idWidth(o.VocabSize), total: total, table: crcTable()}
	if o.StoreIDs {
		st.places = make([]recordPlace, total)
	}
	st.dir = filepath.Join(o.CacheDir, "scan-"+hex.EncodeToString(key[:12]))
	if err := os.MkdirAll(st.dir, 0o755); err != nil {
		return nil, fmt.Errorf("the cache folder %s cannot be made: %w; set XDG_CACHE_HOME to a folder that can be written", st.dir, err)
	}
	useCached(st.dir)
	if o.Notes != nil {
		st.notes = newNoteStore(st.dir, o.Notes)
	}
	st.load()
	return st, nil
}

// acquire takes the folder's lock and reads what other processes have added
// since. While one of them is writing, it waits, and tells found from time to
// time what there is by now.
func (st *lengthStore) acquire(ctx context.Context, found func([]RowLength)) error {
	for {
		lock, taken := lockFile(filepath.Join(st.dir, "lock"))
		st.mu.Lock()
		st.lock = lock
		began := time.Now()
		st.load()
		wait := max(200*time.Millisecond, 20*time.Since(began)) // reading a long journal must not slow its writer down
		rows := st.rows
		st.mu.Unlock()
		found(rows)
		if !taken {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// release lets other processes write to the folder.
func (st *lengthStore) release() {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.lock != nil {
		_ = st.lock.Close()
		st.lock = nil
	}
}

func (st *lengthStore) journal() string { return filepath.Join(st.dir, "lengths.bin") }
func (st *lengthStore) idsPath() string { return filepath.Join(st.dir, "prepared.ids") }

// prepared is the finished mapped file's path, "" while there is none.
func (st *lengthStore) prepared() string {
	if !st.storeIDs {
		return ""
	}
	m, err := OpenMapped(st.idsPath())
	if err != nil {
		return ""
	}
	defer func() { _ = m.Close() }()
	if m.Len() != st.total || m.Fingerprint() != st.fingerprint {
		return ""
	}
	return st.idsPath()
}

// load reads the journal up to its first damaged entry.
func (st *lengthStore) load() {
	st.rows, st.end0, st.mapped0, st.finished = nil, 0, 0, false
	data, err := os.ReadFile(st.journal())
	if err != nil || len(data) < len(journalMagic) || string(data[:len(journalMagic)]) != journalMagic {
		return
	}
	idsSize := int64(-1)
	if fi, err := os.Stat(st.idsPath()); err == nil {
		idsSize = fi.Size()
	}
	st.end0 = int64(len(journalMagic))
	seen := make([]bool, st.total)
	for e := data[st.end0:]; len(e) >= journalEntry; e = e[journalEntry:] {
		r, place, ok := st.decode(e[:journalEntry])
		if !ok || r.Row < 0 || r.Row >= st.total {
			return
		}
		if st.storeIDs {
			if place.at+int64(place.size) > idsSize { // its ids did not reach the disk
				return
			}
			st.places[r.Row] = place
			st.mapped0 = max(st.mapped0, place.at+int64(place.size))
		}
		if !seen[r.Row] {
			st.rows = append(st.rows, r)
			seen[r.Row] = true
		}
		st.end0 += journalEntry
	}
}

func (st *lengthStore) encode(r RowLength, p recordPlace) []byte {
	le := binary.LittleEndian
	b := make([]byte, 0, journalEntry)
	for _, v := range []int{r.Row, r.Tokens, r.Trained, r.First, r.Last} {
		b = le.AppendUint32(b, uint32(int32(v)))
	}
	flags := uint32(0)
	for bit, set := range []bool{r.Merged, r.Dropped, r.Failed} {
		if set {
			flags |= 1 << bit
		}
	}
	b = le.AppendUint32(b, flags)
	b = le.AppendUint64(b, uint64(p.at))
	b = le.AppendUint32(b, p.size)
	b = le.AppendUint32(b, p.tokens)
	b = le.AppendUint32(b, p.sum)
	b = le.AppendUint32(b, uint32(int32(r.End)))
	return le.AppendUint32(b, crc32.Checksum(b, st.table))
}

func (st *lengthStore) decode(b []byte) (r RowLength, p recordPlace, ok bool) {
	le := binary.LittleEndian
	if crc32.Checksum(b[:journalEntry-4], st.table) != le.Uint32(b[journalEntry-4:]) {
		return r, p, false
	}
	n := func(i int) int { return int(int32(le.Uint32(b[4*i:]))) }
	flags := le.Uint32(b[20:])
	r = RowLength{Row: n(0), Tokens: n(1), Trained: n(2), First: n(3), Last: n(4), End: n(11),
		Merged: flags&1 != 0, Dropped: flags&2 != 0, Failed: flags&4 != 0}
	p = recordPlace{at: int64(le.Uint64(b[24:])), size: le.Uint32(b[32:]), tokens: le.Uint32(b[36:]), sum: le.Uint32(b[40:])}
	return r, p, r.Tokens >= 0 && p.at >= 0
}

// whole says that every row is in, with its ids where these are kept.
func (st *lengthStore) whole() bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.isWhole()
}

func (st *lengthStore) isWhole() bool {
	return st.finished || len(st.rows) == st.total && (!st.storeIDs || st.prepared() != "")
}

// begin opens the files for appending. A finished file of ids stays untouched:
// training may have it mapped.
func (st *lengthStore) begin() error {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.notes != nil {
		if err := st.notes.begin(); err != nil {
			return err
		}
	}
	if st.isWhole() {
		return nil
	}
	fail := func(err error) error {
		return fmt.Errorf("scan results cannot be kept in %s: %w", st.dir, err)
	}
	f, err := os.OpenFile(st.journal(), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return fail(err)
	}
	if err := f.Truncate(st.end0); err != nil {
		_ = f.Close()
		return fail(err)
	}
	if _, err := f.Seek(st.end0, io.SeekStart); err != nil {
		_ = f.Close()
		return fail(err)
	}
	st.file, st.out, st.flushed = f, bufio.NewWriterSize(f, 64<<10), time.Now()
	if st.end0 == 0 {
		if _, err := st.out.WriteString(journalMagic); err != nil {
			return fail(err)
		}
		st.end0 = int64(len(journalMagic))
	}
	if st.storeIDs {
		if st.ids, err = openMappedWriter(st.idsPath(), st.mapped0, st.width); err != nil {
			_ = f.Close()
			return err
		}
	}
	return nil
}

// add appends one row. Twice a second both files are flushed, ids first, so
// that no entry vouches for ids that are not there.
func (st *lengthStore) add(r RowLength, ex Example) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	var place recordPlace
	if st.ids != nil {
		var err error
		if place, err = st.ids.add(ex); err != nil {
			return err
		}
		st.places[r.Row] = place
		st.mapped0 = place.at + int64(place.size)
	}
	if _, err := st.out.Write(st.encode(r, place)); err != nil {
		return fmt.Errorf("scan results cannot be kept in %s (is the disk full?): %w", st.dir, err)
	}
	st.end0 += journalEntry
	if time.Since(st.flushed) < 500*time.Millisecond {
		return nil
	}
	return st.flush()
}

// addNote appends the note on a row.
func (st *lengthStore) addNote(row int, note []byte) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.notes.add(row, note)
}

// example is row i as it was kept by an earlier run, with its ids.
func (st *lengthStore) example(i int) (Example, error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	place := st.places[i]
	if st.reader == nil {
		f, err := os.Open(st.idsPath())
		if err != nil {
			return Example{}, cannotOpen(st.idsPath(), err)
		}
		st.reader = f
	}
	record := make([]byte, place.size)
	if _, err := st.reader.ReadAt(record, place.at); err != nil {
		return Example{}, fmt.Errorf("%s row %d: %w", st.idsPath(), i, err)
	}
	if place.size == 0 || crc32.Checksum(record, st.table) != place.sum {
		return Example{}, fmt.Errorf("%s row %d does not match its checksum; delete the file, it will be made again", st.idsPath(), i)
	}
	return decodeRecord(record, int(place.tokens), st.width)
}

func (st *lengthStore) flush() error {
	st.flushed = time.Now()
	if st.ids != nil {
		if err := st.ids.flush(); err != nil {
			return fmt.Errorf("scan results cannot be kept in %s (is the disk full?): %w", st.dir, err)
		}
	}
	if err := st.out.Flush(); err != nil {
		return fmt.Errorf("scan results cannot be kept in %s (is the disk full?): %w", st.dir, err)
	}
	if st.notes != nil && st.notes.out != nil {
		return st.notes.out.Flush()
	}
	return nil
}

// end closes the files; whole says that every row is in.
func (st *lengthStore) end(whole bool) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	var err error
	if st.notes != nil {
		err = st.notes.close()
	}
	if st.reader != nil {
		err = errors.Join(err, st.reader.Close())
		st.reader = nil
	}
	if st.file == nil {
		return err
	}
	err = errors.Join(err, st.flush())
	if st.ids != nil {
		if whole && err == nil {
			err = st.ids.finish(st.places, st.fingerprint)
		} else {
			err = errors.Join(err, st.ids.abandon())
		}
	}
	err = errors.Join(err, st.file.Close())
	st.file, st.ids = nil, nil
	st.finished = whole && err == nil
	return err
}
