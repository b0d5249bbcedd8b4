package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/parquet-go/parquet-go"
)

// MeasureBytes finds the size in bytes of every row's text, without building
// the rows: the longest rows can then be looked at first. Sources that know it
// from their index answer at once; a parquet file is read once, on workers
// goroutines. ok is false when the source cannot tell.
func MeasureBytes(ctx context.Context, src Source, workers int) (sizes []int64, ok bool, err error) {
	switch s := src.(type) {
	case *parquetSource:
		sizes, err = s.measure(ctx, workers)
		return sizes, err == nil, err
	case *concat:
		return s.measure(ctx, workers)
	case *concatenation:
		return s.measure(ctx, workers)
	case *projection:
		return MeasureBytes(ctx, s.Source, workers)
	case *selection:
		all, ok, err := MeasureBytes(ctx, s.Source, workers)
		if !ok || err != nil {
			return nil, ok, err
		}
		sizes = make([]int64, len(s.rows))
		for i, r := range s.rows {
			sizes[i] = all[r]
		}
		return sizes, true, nil
	}
	sizes = make([]int64, src.Len())
	for i := range sizes {
		if sizes[i] = src.ByteSize(i); sizes[i] < 0 {
			return nil, false, nil
		}
	}
	return sizes, true, ctx.Err()
}

func (c *concat) measure(ctx context.Context, workers int) ([]int64, bool, error) {
	var all []int64
	for k := range c.paths {
		part, err := c.part(k)
		if err != nil {
			return nil, false, err
		}
		sizes, ok, err := MeasureBytes(ctx, part, workers)
		if !ok || err != nil {
			return nil, ok, err
		}
		all = append(all, sizes...)
	}
	return all, true, nil
}

func (c *concatenation) measure(ctx context.Context, workers int) ([]int64, bool, error) {
	var all []int64
	for _, part := range c.parts {
		sizes, ok, err := MeasureBytes(ctx, part, workers)
		if !ok || err != nil {
			return nil, ok, err
		}
		all = append(all, sizes...)
	}
	return all, true, nil
}

// measure sums the string lengths of each row, a row group a goroutine.
func (s *parquetSource) measure(ctx context.Context, workers int) ([]int64, error) {
	s.mu.Lock()
	known := s.sizes
	s.mu.Unlock()
	if known != nil {
		return known, nil
	}
	sizes := make([]int64, s.Len())
	groups := s.file.RowGroups()
	var next atomic.Int64
	errs := make([]error, max(1, workers))
	var wg sync.WaitGroup
	for w := range errs {
		wg.Go(func() {
			for errs[w] == nil {
				g := int(next.Add(1)) - 1
				if g >= len(groups) {
					return
				}
				if errs[w] = ctx.Err(); errs[w] == nil {
					errs[w] = s.measureGroup(g, groups[g], sizes[s.firsts[g]:s.firsts[g+1]])
				}
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.sizes = sizes
	s.mu.Unlock()
	return sizes, nil
}

func (s *parquetSource) measureGroup(number int, g parquet.RowGroup, sizes []int64) (err error) {
	defer recoverParquet(s.name, &err)
	if err := s.checkGroup(number); err != nil {
		return fmt.Errorf("%s cannot be read: %w; download or copy the file again", s.name, err)
	}
	chunks := g.ColumnChunks()
	leaves := s.leaves
	if leaves == nil {
		for k := range chunks {
			leaves = append(leaves, k)
		}
	}
	buf := make([]parquet.Value, 1024)
	for _, k := range leaves {
		if kind := chunks[k].Type().Kind(); kind != parquet.ByteArray {
			continue
		}
		if err := measureChunk(chunks[k], buf, sizes); err != nil {
			return fmt.Errorf("%s cannot be read: %w; download or copy the file again", s.name, err)
		}
	}
	return nil
}

func measureChunk(chunk parquet.ColumnChunk, buf []parquet.Value, sizes []int64) error {
	pages := chunk.Pages()
	defer func() { _ = pages.Close() }()
	row := -1
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		values := page.Values()
		for {
			n, err := values.ReadValues(buf)
			for _, v := range buf[:n] {
				if v.RepetitionLevel() == 0 {
					row++
				}
				if row >= 0 && row < len(sizes) && !v.IsNull() {
					sizes[row] += int64(len(v.ByteArray()))
				}
			}
			if errors.Is(err, io.EOF) || n == 0 {
				break
			}
			if err != nil {
				parquet.Release(page)
				return err
			}
		}
		parquet.Release(page)
	}
}
