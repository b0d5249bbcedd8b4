package dataset

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
)

// Up to wholeHash bytes a data set is hashed byte by byte; of larger ones the
// sizes, the ends and hashPieces evenly spread pieces of each file stand for
// the rest.
const (
	wholeHash  = 256 << 20
	hashPieces = 128
	hashPiece  = 256 << 10
)

// Fingerprint identifies the content of src: two data sets with the same rows
// in the same files have the same one, wherever they lie and however old they
// are.
func Fingerprint(ctx context.Context, src Source) (string, error) {
	h := sha256.New()
	if err := hashSource(ctx, h, src); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}

func hashSource(ctx context.Context, h hash.Hash, src Source) error {
	switch s := src.(type) {
	case *selection:
		for _, r := range s.rows {
			_ = binary.Write(h, binary.LittleEndian, int64(r)) // a hash does not fail
		}
		return hashSource(ctx, h, s.Source)
	case *concatenation:
		for _, part := range s.parts {
			fmt.Fprintf(h, "part of %d\n", part.Len())
			if err := hashSource(ctx, h, part); err != nil {
				return err
			}
		}
		return nil
	case *projection:
		fmt.Fprintf(h, "columns %q\n", s.columns)
		return hashSource(ctx, h, s.Source)
	case *parquetSource:
		fmt.Fprintf(h, "parquet %q\n", s.columns)
		return hashFiles(ctx, h, []string{s.in.path})
	case *recordSource:
		return hashFiles(ctx, h, []string{s.path})
	case *concat:
		return hashFiles(ctx, h, s.paths)
	}
	// A source of another kind: its rows are its content.
	for i := range src.Len() {
		row, err := src.At(i)
		if err != nil {
			return err
		}
		for _, k := range row.Keys() {
			v, _ := row.Get(k)
			fmt.Fprintf(h, "%q=%v\n", k, v)
		}
	}
	return ctx.Err()
}

func hashFiles(ctx context.Context, h hash.Hash, paths []string) error {
	var total int64
	for _, p := range paths {
		st, err := os.Stat(p)
		if err != nil {
			return cannotOpen(p, err)
		}
		total += st.Size()
	}
	for _, p := range paths {
		if err := hashFile(ctx, h, p, total <= wholeHash); err != nil {
			return err
		}
	}
	return nil
}

func hashFile(ctx context.Context, h hash.Hash, path string, whole bool) error {
	f, err := os.Open(path)
	if err != nil {
		return cannotOpen(path, err)
	}
	defer func() { _ = f.Close() }()
	st, err := f.Stat()
	if err != nil {
		return cannotOpen(path, err)
	}
	fmt.Fprintf(h, "file %d %s\n", st.Size(), kindOf(path))
	step := int64(hashPiece)
	if !whole {
		step = max(hashPiece, (st.Size()-hashPiece)/hashPieces)
	}
	buf := make([]byte, hashPiece)
	for at := int64(0); at < st.Size(); at += step {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := f.ReadAt(buf, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("%s cannot be read: %w", path, err)
		}
		h.Write(buf[:n])
	}
	return nil
}
