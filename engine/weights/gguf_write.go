package weights

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// ggufTypes numbers the element types that sftui writes into GGUF files.
var ggufTypes = map[string]uint32{F32: 0, F16: 1, BF16: 30}

// ggufWriter collects what goes into a GGUF file of version 3. Values are string, bool, uint32, int32, float32 and
// slices of string and int32.
type ggufWriter struct {
	keys    int
	meta    bytes.Buffer
	tensors []pending
	failure error
}

// set adds a metadata value.
func (w *ggufWriter) set(key string, value any) {
	w.keys++
	putString(&w.meta, key)
	switch v := value.(type) {
	case []string:
		putNumbers(&w.meta, uint32(ggufArray), uint32(ggufString), uint64(len(v)))
		for _, s := range v {
			putString(&w.meta, s)
		}
	case []int32:
		putNumbers(&w.meta, uint32(ggufArray), uint32(ggufInt32), uint64(len(v)), v)
	case string:
		putNumbers(&w.meta, uint32(ggufString))
		putString(&w.meta, v)
	case bool:
		putNumbers(&w.meta, uint32(ggufBool), v)
	case uint32:
		putNumbers(&w.meta, uint32(ggufUint32), v)
	case int32:
		putNumbers(&w.meta, uint32(ggufInt32), v)
	case float32:
		putNumbers(&w.meta, uint32(ggufFloat32), v)
	default:
		w.failure = fmt.Errorf("metadata %q has the type %T, which is not written", key, value)
	}
}

// tensor adds a tensor; its bytes are asked for when the file is written.
func (w *ggufWriter) tensor(t Tensor, data func() ([]byte, error)) {
	w.tensors = append(w.tensors, pending{t, data})
}

// write makes the file appear at path when it is complete and on disk.
func (w *ggufWriter) write(path string) error {
	if w.failure != nil {
		return fmt.Errorf("write %s: %w", path, w.failure)
	}
	var head bytes.Buffer
	head.WriteString(ggufMagic)
	putNumbers(&head, uint32(3), uint64(len(w.tensors)), uint64(w.keys))
	head.Write(w.meta.Bytes())
	offset := uint64(0)
	for _, t := range w.tensors {
		kind, ok := ggufTypes[t.DType]
		if !ok {
			return fmt.Errorf("write %s: tensor %q has the type %s, which is not written", path, t.Name, t.DType)
		}
		putString(&head, t.Name)
		putNumbers(&head, uint32(len(t.Shape)))
		for i := len(t.Shape) - 1; i >= 0; i-- { // the format has the innermost dimension first
			putNumbers(&head, uint64(t.Shape[i]))
		}
		putNumbers(&head, kind, offset)
		offset += uint64(t.Bytes()) + padding(uint64(t.Bytes()))
	}
	head.Write(make([]byte, padding(uint64(head.Len()))))
	return atomically(path, func(out io.Writer) error {
		if _, err := out.Write(head.Bytes()); err != nil {
			return err
		}
		for _, t := range w.tensors {
			data, err := t.data()
			if err != nil {
				return fmt.Errorf("tensor %q: %w", t.Name, err)
			}
			if int64(len(data)) != t.Bytes() {
				return fmt.Errorf("tensor %q: %d bytes do not fill %s of shape %v", t.Name, len(data), t.DType, t.Shape)
			}
			if _, err := out.Write(data); err != nil {
				return err
			}
			if _, err := out.Write(make([]byte, padding(uint64(len(data))))); err != nil {
				return err
			}
		}
		return nil
	})
}

// padding is how many bytes bring n to a multiple of GGUF's default alignment.
func padding(n uint64) uint64 { return -n % ggufDefaultAlign }

func putString(out *bytes.Buffer, s string) {
	putNumbers(out, uint64(len(s)))
	out.WriteString(s)
}

// putNumbers writes values of fixed size. Writing to memory does not fail.
func putNumbers(out *bytes.Buffer, values ...any) {
	for _, v := range values {
		_ = binary.Write(out, binary.LittleEndian, v)
	}
}
