package dataset

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// The parquet reader allocates whatever length a Thrift structure claims before
// it reads it, so a damaged length costs gigabytes. thriftReader walks a
// structure first and follows no length beyond what is left to read.
type thriftReader struct {
	in   *bufio.Reader
	left int64  // bytes that the structure may take
	seen []byte // what has been read of it
}

// thriftDeepest is deeper than the structures of a parquet file nest.
const thriftDeepest = 64

// Types of Thrift's compact protocol.
const (
	thriftTrue = iota + 1
	thriftFalse
	thriftByte
	thriftInt16
	thriftInt32
	thriftInt64
	thriftDouble
	thriftBinary
	thriftList
	thriftSet
	thriftMap
	thriftStruct
)

func errThriftLength(n uint64, left int64) error {
	return fmt.Errorf("it claims a length of %d where %d bytes are left", n, left)
}

func (r *thriftReader) byte() (byte, error) {
	if r.left <= 0 {
		return 0, io.ErrUnexpectedEOF
	}
	b, err := r.in.ReadByte()
	if err != nil {
		return 0, io.ErrUnexpectedEOF
	}
	r.left--
	r.seen = append(r.seen, b)
	return b, nil
}

// skip takes n bytes.
func (r *thriftReader) skip(n uint64) error {
	if n > uint64(r.left) {
		return errThriftLength(n, r.left)
	}
	at := len(r.seen)
	r.seen = append(r.seen, make([]byte, n)...)
	r.left -= int64(n)
	_, err := io.ReadFull(r.in, r.seen[at:])
	return err
}

func (r *thriftReader) uvarint() (uint64, error) {
	var v uint64
	for shift := 0; shift < 70; shift += 7 {
		b, err := r.byte()
		if err != nil {
			return 0, err
		}
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v, nil
		}
	}
	return 0, errors.New("a number in it has no end")
}

// structure walks the fields up to the structure's end.
func (r *thriftReader) structure(depth int) error {
	if depth > thriftDeepest {
		return errors.New("its structures nest without end")
	}
	for {
		head, err := r.byte()
		if err != nil || head == 0 {
			return err
		}
		if head>>4 == 0 { // the field's number follows
			if _, err := r.uvarint(); err != nil {
				return err
			}
		}
		if kind := head & 15; kind != thriftTrue && kind != thriftFalse { // those are their own value
			if err := r.value(kind, depth); err != nil {
				return err
			}
		}
	}
}

func (r *thriftReader) value(kind byte, depth int) error {
	switch kind {
	case thriftTrue, thriftFalse, thriftByte:
		_, err := r.byte()
		return err
	case thriftInt16, thriftInt32, thriftInt64:
		_, err := r.uvarint()
		return err
	case thriftDouble:
		return r.skip(8)
	case thriftBinary:
		n, err := r.uvarint()
		if err != nil {
			return err
		}
		return r.skip(n)
	case thriftList, thriftSet:
		return r.list(depth)
	case thriftMap:
		return r.pairs(depth)
	case thriftStruct:
		return r.structure(depth + 1)
	}
	return fmt.Errorf("it has a value of the unknown type %d", kind)
}

func (r *thriftReader) list(depth int) error {
	head, err := r.byte()
	if err != nil {
		return err
	}
	n := uint64(head >> 4)
	if n == 15 {
		if n, err = r.uvarint(); err != nil {
			return err
		}
	}
	return r.items(n, depth, head&15)
}

func (r *thriftReader) pairs(depth int) error {
	n, err := r.uvarint()
	if err != nil || n == 0 {
		return err
	}
	kinds, err := r.byte()
	if err != nil {
		return err
	}
	return r.items(n, depth, kinds>>4, kinds&15)
}

// items walks n times a value of each kind, which take a byte at least.
func (r *thriftReader) items(n uint64, depth int, kinds ...byte) error {
	if n > uint64(r.left) {
		return errThriftLength(n, r.left)
	}
	if depth > thriftDeepest {
		return errors.New("its structures nest without end")
	}
	for range n {
		for _, kind := range kinds {
			if err := r.value(kind, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkThrift walks a structure that fills at most size bytes of in from at on.
func checkThrift(in io.ReaderAt, at, size int64) error {
	r := thriftReader{in: bufio.NewReader(io.NewSectionReader(in, at, size)), left: size}
	return r.structure(0)
}
