package dataset

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
)

// mappedWriter fills a mapped file with rows in any order.
type mappedWriter struct {
	path  string
	file  *os.File
	out   *bufio.Writer
	at    int64
	width int
	table *crc32.Table
	buf   []byte
}

// recordPlace is where a row's record lies in a mapped file.
type recordPlace struct {
	at     int64
	size   uint32
	tokens uint32
	sum    uint32
}

// idWidth is the number of bytes that ids below vocabSize need.
func idWidth(vocabSize int) int {
	if vocabSize > 0 && vocabSize <= 1<<16 {
		return 2
	}
	return 4
}

// openMappedWriter continues the file at path after its first at bytes, or
// begins it anew when at is 0.
func openMappedWriter(path string, at int64, width int) (*mappedWriter, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("prepared rows cannot be kept in %s: %w", path, err)
	}
	at = max(at, mappedHeader)
	if err := f.Truncate(at); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("prepared rows cannot be kept in %s: %w", path, err)
	}
	if _, err := f.Seek(at, io.SeekStart); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("prepared rows cannot be kept in %s: %w", path, err)
	}
	return &mappedWriter{path: path, file: f, out: bufio.NewWriterSize(f, 1<<20), at: at, width: width, table: crcTable()}, nil
}

// add appends the record of ex.
func (w *mappedWriter) add(ex Example) (recordPlace, error) {
	w.buf = encodeRecord(w.buf[:0], ex, w.width)
	p := recordPlace{at: w.at, size: uint32(len(w.buf)), tokens: uint32(len(ex.InputIDs)), sum: crc32.Checksum(w.buf, w.table)}
	if ex.Dropped != "" {
		p.tokens = 0
	}
	if _, err := w.out.Write(w.buf); err != nil {
		return p, fmt.Errorf("prepared rows cannot be kept in %s (is the disk full?): %w", w.path, err)
	}
	w.at += int64(len(w.buf))
	return p, nil
}

func (w *mappedWriter) flush() error { return w.out.Flush() }

// finish writes the index and the header that makes the file valid, and closes it.
func (w *mappedWriter) finish(places []recordPlace, fingerprint string) error {
	index := make([]byte, 0, len(places)*mappedEntry)
	le := binary.LittleEndian
	for _, p := range places {
		index = le.AppendUint64(index, uint64(p.at))
		index = le.AppendUint32(index, p.size)
		index = le.AppendUint32(index, p.tokens)
		index = le.AppendUint32(index, p.sum)
		index = le.AppendUint32(index, 0)
	}
	header := make([]byte, mappedHeader)
	copy(header, mappedMagic)
	le.PutUint32(header[8:], mappedVersion)
	le.PutUint32(header[12:], uint32(w.width))
	le.PutUint64(header[16:], uint64(len(places)))
	le.PutUint64(header[24:], uint64(w.at))
	le.PutUint32(header[32:], crc32.Checksum(index, w.table))
	copy(header[40:40+mappedKey], fingerprint)
	le.PutUint32(header[mappedHeader-4:], crc32.Checksum(header[:mappedHeader-4], w.table))
	write := func() error {
		if _, err := w.out.Write(index); err != nil {
			return err
		}
		if err := w.out.Flush(); err != nil {
			return err
		}
		if err := w.file.Sync(); err != nil { // records before the header that vouches for them
			return err
		}
		_, err := w.file.WriteAt(header, 0)
		return err
	}
	err := write()
	if closeErr := w.file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("prepared rows cannot be kept in %s (is the disk full?): %w", w.path, err)
	}
	return nil
}

// abandon closes the file as it is: without a header it is no mapped file, but
// a later scan can continue it.
func (w *mappedWriter) abandon() error {
	err := w.flush()
	if closeErr := w.file.Close(); err == nil {
		err = closeErr
	}
	return err
}
