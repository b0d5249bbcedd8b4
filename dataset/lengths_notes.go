package dataset

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
)

// Noter looks at every row that a scan prepares and says in a few bytes what it
// saw. A scan that keeps results keeps these too, so that whoever looks next
// need not prepare the rows again. Its methods may be called from several
// goroutines at once.
type Noter interface {
	// NoteKey identifies what notes depend on besides the prepared rows.
	NoteKey() string
	// Note looks at row i as it was prepared, or at why it could not be.
	Note(i int, ex Example, err error) []byte
	// Noted gives back what an earlier scan kept of row i. When it answers
	// false, the row is looked at again.
	Noted(i int, note []byte) bool
}

const (
	noteMagic = "SFTUINT1"
	noteHead  = 8       // row and size
	noteMost  = 1 << 20 // bytes of a note; more is damage
)

// noteStore is the journal of the notes of one kind, beside that of the lengths:
// row, size, note and checksum, only ever appended to.
type noteStore struct {
	path  string
	end   int64 // bytes that hold whole entries
	file  *os.File
	out   *bufio.Writer
	entry []byte
}

func newNoteStore(dir string, noter Noter) *noteStore {
	key := sha256.Sum256([]byte(noter.NoteKey()))
	return &noteStore{path: filepath.Join(dir, "notes-"+hex.EncodeToString(key[:8])+".bin")}
}

// load reads the journal up to its first damaged entry.
func (n *noteStore) load(rows int, found func(row int, note []byte)) {
	n.end = 0
	data, err := os.ReadFile(n.path)
	if err != nil || len(data) < len(noteMagic) || string(data[:len(noteMagic)]) != noteMagic {
		return
	}
	table, le := crcTable(), binary.LittleEndian
	n.end = int64(len(noteMagic))
	for {
		e := data[n.end:]
		if len(e) < noteHead+4 {
			return
		}
		row, size := int64(le.Uint32(e)), int64(le.Uint32(e[4:]))
		if row >= int64(rows) || size > noteMost || size > int64(len(e)-noteHead-4) {
			return
		}
		body := e[:noteHead+size]
		if crc32.Checksum(body, table) != le.Uint32(e[noteHead+size:]) {
			return
		}
		found(int(row), body[noteHead:])
		n.end += noteHead + size + 4
	}
}

// begin opens the journal for appending.
func (n *noteStore) begin() error {
	f, err := os.OpenFile(n.path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("notes on rows cannot be kept in %s: %w", n.path, err)
	}
	err = f.Truncate(n.end)
	if err == nil {
		_, err = f.Seek(n.end, io.SeekStart)
	}
	if err != nil {
		_ = f.Close()
		return fmt.Errorf("notes on rows cannot be kept in %s: %w", n.path, err)
	}
	n.file, n.out = f, bufio.NewWriterSize(f, 64<<10)
	if n.end == 0 {
		if _, err := n.out.WriteString(noteMagic); err != nil {
			return fmt.Errorf("notes on rows cannot be kept in %s: %w", n.path, err)
		}
		n.end = int64(len(noteMagic))
	}
	return nil
}

func (n *noteStore) add(row int, note []byte) error {
	le := binary.LittleEndian
	n.entry = le.AppendUint32(n.entry[:0], uint32(row))
	n.entry = le.AppendUint32(n.entry, uint32(len(note)))
	n.entry = append(n.entry, note...)
	n.entry = le.AppendUint32(n.entry, crc32.Checksum(n.entry, crcTable()))
	if _, err := n.out.Write(n.entry); err != nil {
		return fmt.Errorf("notes on rows cannot be kept in %s (is the disk full?): %w", n.path, err)
	}
	n.end += int64(len(n.entry))
	return nil
}

func (n *noteStore) close() error {
	if n.file == nil {
		return nil
	}
	err := errors.Join(n.out.Flush(), n.file.Close())
	n.file = nil
	if err != nil {
		return fmt.Errorf("notes on rows cannot be kept in %s (is the disk full?): %w", n.path, err)
	}
	return nil
}

// noteRow has the noter look at a row whose length is known already: from the
// ids that the cache has, so that nothing is tokenized twice.
func (s *Scan) noteRow(i int) error {
	ex, err := s.kept(i)
	return s.note(i, ex, err)
}

// note keeps what the noter says of row i.
func (s *Scan) note(i int, ex Example, err error) error {
	note := s.opts.Notes.Note(i, ex, err)
	if s.store != nil {
		if err := s.store.addNote(i, note); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noted[i] = true
	return nil
}

// kept is row i as it was prepared: its ids from the cache and its text from
// the row, or prepared anew where no ids are kept.
func (s *Scan) kept(i int) (Example, error) {
	p, ok := s.prep.(*Preparer)
	if s.store == nil || !s.opts.StoreIDs || !ok {
		return s.prep.Row(i)
	}
	ex, err := s.store.example(i)
	if err != nil {
		return s.prep.Row(i)
	}
	s.mu.Lock()
	length := s.lengths[i]
	s.mu.Unlock()
	if length.Failed {
		return Example{}, errors.New(ex.Dropped)
	}
	if length.Merged {
		ex.PromptTokens = ex.SharedTokens + 1
	}
	ex.Text, err = p.rendered(i)
	return ex, err
}

// rendered is the text of row i that is tokenized, nil where the row came with ids.
func (p *Preparer) rendered(i int) (*string, error) {
	raw, err := p.src.At(i)
	if err != nil || p.plan.pretokenized {
		return nil, err
	}
	w := &work{raw: raw, mapped: mapColumns(raw, p.o)}
	if err = p.convert(w); err == nil {
		err = p.render(w)
	}
	if err != nil || !w.hasText {
		return nil, err
	}
	return &w.text, nil
}
