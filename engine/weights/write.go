package weights

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"sort"
)

// DefaultShardBytes is the size at which transformers 5 starts a new shard, max_shard_size "50GB".
const DefaultShardBytes = 50_000_000_000

// pending is a tensor to be written: its bytes are asked for only when its turn comes.
type pending struct {
	Tensor
	data func() ([]byte, error)
}

// WriteSafetensors writes the weights of a model folder. The bytes of a tensor are asked for when it is written and
// may be reused by the caller for the next, so that no more than one tensor is held. With maxShardBytes > 0 and more
// than that to write it makes model-0000i-of-0000n.safetensors and the index, else one model.safetensors.
// nil metadata means {"format": "pt"}, which transformers looks for. Files appear under their name only when they are
// complete and on disk.
func WriteSafetensors(dir string, tensors iter.Seq2[Tensor, func() ([]byte, error)], maxShardBytes int64, metadata map[string]string) error {
	all := collect(tensors)
	shards := split(all, maxShardBytes)
	if len(shards) == 1 {
		return writeFile(filepath.Join(dir, SingleFile), shards[0], metadata)
	}
	weightMap := map[string]string{}
	var total int64
	for i, shard := range shards {
		name := fmt.Sprintf("model-%05d-of-%05d.safetensors", i+1, len(shards))
		if err := writeFile(filepath.Join(dir, name), shard, metadata); err != nil {
			return err
		}
		for _, t := range shard {
			weightMap[t.Name] = name
			total += t.Bytes()
		}
	}
	index, err := json.MarshalIndent(map[string]any{
		"metadata":   map[string]any{"total_size": total},
		"weight_map": weightMap,
	}, "", "  ")
	if err != nil {
		return fmt.Errorf("write the index of the shards: %w", err)
	}
	return WriteFile(filepath.Join(dir, IndexFile), append(index, '\n'))
}

// WriteSafetensorsFile writes one safetensors file of any name, with the same promises as [WriteSafetensors].
func WriteSafetensorsFile(path string, tensors iter.Seq2[Tensor, func() ([]byte, error)], metadata map[string]string) error {
	return writeFile(path, collect(tensors), metadata)
}

func collect(tensors iter.Seq2[Tensor, func() ([]byte, error)]) []pending {
	var all []pending
	for t, data := range tensors {
		all = append(all, pending{t, data})
	}
	return all
}

// split cuts the list in order; a tensor larger than the limit gets a shard of its own.
func split(all []pending, limit int64) [][]pending {
	shards := [][]pending{nil}
	var size int64
	for _, t := range all {
		last := len(shards) - 1
		if limit > 0 && size+t.Bytes() > limit && len(shards[last]) > 0 {
			shards = append(shards, nil)
			last, size = last+1, 0
		}
		shards[last] = append(shards[last], t)
		size += t.Bytes()
	}
	return shards
}

func writeFile(path string, tensors []pending, metadata map[string]string) error {
	// Widest elements first keeps every tensor aligned to its element size, as safetensors' own writer does.
	sort.SliceStable(tensors, func(i, j int) bool {
		a, b := ElementSize(tensors[i].DType), ElementSize(tensors[j].DType)
		if a != b {
			return a > b
		}
		return tensors[i].Name < tensors[j].Name
	})
	head, err := encodeHeader(tensors, metadata)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return atomically(path, func(w io.Writer) error {
		if _, err := w.Write(head); err != nil {
			return err
		}
		for _, t := range tensors {
			data, err := t.data()
			if err != nil {
				return fmt.Errorf("tensor %q: %w", t.Name, err)
			}
			if int64(len(data)) != t.Bytes() {
				return fmt.Errorf("tensor %q: %d bytes do not fill %s of shape %v", t.Name, len(data), t.DType, t.Shape)
			}
			if _, err := w.Write(data); err != nil {
				return err
			}
		}
		return nil
	})
}

func encodeHeader(tensors []pending, metadata map[string]string) ([]byte, error) {
	if metadata == nil {
		metadata = map[string]string{"format": "pt"}
	}
	fields := map[string]any{"__metadata__": metadata}
	var at int64
	for _, t := range tensors {
		if ElementSize(t.DType) == 0 {
			return nil, fmt.Errorf("tensor %q has the unknown type %q", t.Name, t.DType)
		}
		if _, twice := fields[t.Name]; twice {
			return nil, fmt.Errorf("tensor %q is given twice", t.Name)
		}
		shape := t.Shape
		if shape == nil {
			shape = []int{} // a scalar is [], never null
		}
		fields[t.Name] = map[string]any{"dtype": t.DType, "shape": shape, "data_offsets": []int64{at, at + t.Bytes()}}
		at += t.Bytes()
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	for len(text)%8 != 0 {
		text = append(text, ' ')
	}
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...), nil
}

// WriteFile replaces a small file so that a reader, or a crash, sees the old or the new contents, never a part.
func WriteFile(path string, data []byte) error {
	return atomically(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// atomically writes beside the target, flushes to disk and renames.
func atomically(path string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			f.Close()           //nolint:errcheck // the first error is the one to report
			os.Remove(f.Name()) //nolint:errcheck // nothing more can be done about it
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	buffered := bufio.NewWriterSize(f, 1<<20)
	if err = write(buffered); err != nil {
		return err
	}
	if err = buffered.Flush(); err != nil {
		return err
	}
	if err = f.Chmod(0o644); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes a rename survive a power cut. Some file systems cannot sync a folder; that is not a failure.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	_ = d.Sync()
	return d.Close()
}
