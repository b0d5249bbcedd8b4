package dataset

import (
	"context"
	"fmt"
)

// AllLengths is what AllStored makes of the rows, by their lengths alone: for a
// large set memory grows by some bytes a row, and what is found out stays in
// the cache (the usual one when cacheDir is empty) for the preparation itself.
func (p *Preparer) AllLengths(ctx context.Context, cacheDir string, workers int, progress func(done, total int)) (*Outline, error) {
	whole, err := p.Whole()
	if err != nil {
		return nil, err
	}
	if !p.large() {
		cacheDir = "" // preparing it again costs less than a file
	} else if cacheDir == "" {
		cacheDir, _ = CacheDir() // without one, nothing is kept
	}
	o := whole.ScanOptions(cacheDir)
	o.Workers, o.Straight = workers, true
	if progress != nil {
		o.Report = func(g ScanProgress) { progress(g.Rows, g.Total) }
	}
	scan, err := NewScan(ctx, whole.src, whole, o)
	if err != nil {
		return nil, err
	}
	if !scan.Complete() {
		err = scan.Run(ctx)
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("preparing %s: %w", p.src.Name(), ctx.Err())
	}
	if err == nil {
		err = p.firstFailure(scan)
	}
	if err != nil {
		return nil, err
	}
	lengths := make([]RowLength, scan.Len())
	for i := range lengths {
		lengths[i], _ = scan.Length(i)
	}
	out := p.Outline(lengths)
	if out.Len() > 0 || len(out.Dropped) == 0 {
		return out, nil
	}
	e, err := p.Row(out.Dropped[0])
	if err != nil {
		return nil, err
	}
	return nil, AllDropped(len(out.Dropped), p.src.Name(), e.Dropped)
}

// firstFailure is the error of the first row that a scan failed on, which ends
// the preparation.
func (p *Preparer) firstFailure(scan *Scan) error {
	first := -1
	for row := range scan.Failures() {
		if first < 0 || row < first {
			first = row
		}
	}
	if first < 0 {
		return nil
	}
	if _, err := p.Row(first); err != nil {
		return err
	}
	return fmt.Errorf("%s failed when it was scanned but not now; scan again", p.src.Location(first))
}
