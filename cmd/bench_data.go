package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"sftui/dataset"
	"sftui/engine"
	"sftui/findings"
	"sftui/recipes"
	"sftui/setup"
)

// dataBench is what `sftui bench data` prints: how fast rows become ids and
// labels, and how much of that is the tokenizer's own time.
type dataBench struct {
	Data    string `json:"data"`
	Model   string `json:"model"`
	Workers int    `json:"workers"`
	Rows    int    `json:"rows"`
	Tokens  int64  `json:"tokens"` // before truncation

	OpenSeconds  float64 `json:"open_seconds"`      // file and first 50 rows
	ReadRows     float64 `json:"read_rows_per_s"`   // raw rows, decoded
	PrepareRows  float64 `json:"rows_per_s"`        // read, render, tokenize, labels
	PrepareRate  float64 `json:"tokens_per_s"`      // the same, in tokens before truncation
	TokenizeRate float64 `json:"tokenizer_per_s"`   // the native tokenizer alone on the same texts
	TokenizeTime float64 `json:"tokenizer_share"`   // of the processor time preparing takes
	PrepareCore  float64 `json:"tokens_per_core_s"` // preparing, by processor time: what a busy machine does not spoil
	TokenizeCore float64 `json:"tokenizer_per_core_s"`
	PeakRSS      int64   `json:"peak_rss_bytes"` // of this process

	Scan *scanBench `json:"scan,omitempty"`
}

// scanBench is the course of a length scan.
type scanBench struct {
	EstimateSeconds float64                `json:"estimate_seconds"`
	EstimateCPU     float64                `json:"estimate_cpu_s"`  // processor time until then, over all cores
	LargestSeconds  float64                `json:"largest_seconds"` // outliers exact
	TotalSeconds    float64                `json:"total_seconds"`
	Complete        bool                   `json:"complete"`
	Rows            int                    `json:"rows"`
	Tokens          int64                  `json:"tokens"`
	First           dataset.LengthEstimate `json:"first_estimate"`
	FirstRows       int                    `json:"first_estimate_rows"` // random rows that it stands on
	Sampled         dataset.LengthEstimate `json:"sample_estimate"`     // when the largest rows' turn came
	SampledRows     int                    `json:"sample_rows"`
	Final           dataset.LengthEstimate `json:"final"`
	PeakRSS         int64                  `json:"peak_rss_bytes"`
}

// benchData measures preparation on the first rows of a data set, and with
// --scan the whole length scan.
func benchData(ctx context.Context, args []string, s streams) error {
	set := flagSet{values: []string{"data", "model", "recipe", "rows", "workers", "seconds"}, switches: []string{"scan", "store", "json"}, options: true}
	a, err := set.parse(args)
	if err != nil {
		return err
	}
	number := map[string]int{"rows": 2000, "workers": runtime.GOMAXPROCS(0), "seconds": 0}
	for name, text := range a.values {
		if _, ok := number[name]; !ok {
			continue
		}
		if number[name], err = strconv.Atoi(text); err != nil || number[name] < 1 {
			return fmt.Errorf("--%s is %q; a number of at least 1 is needed", name, text)
		}
	}
	r, err := benchRecipe(a)
	if err != nil {
		return err
	}
	p, b, err := openBench(ctx, r, number["rows"])
	if err != nil {
		return err
	}
	defer p.close()
	b.Workers = number["workers"]
	if a.switches["scan"] {
		b.Scan, err = p.scan(ctx, b.Workers, time.Duration(number["seconds"])*time.Second, a.switches["store"], s)
	} else {
		err = p.measure(ctx, &b)
	}
	if err != nil {
		return err
	}
	b.PeakRSS = peakRSS()
	if a.switches["json"] {
		encoder := json.NewEncoder(s.out)
		encoder.SetIndent("", " ")
		return encoder.Encode(b)
	}
	b.print(s)
	return nil
}

func benchRecipe(a arguments) (*recipes.Recipe, error) {
	r, err := a.recipe()
	if err != nil {
		return nil, err
	}
	from := recipes.Origin{Kind: recipes.OriginCommandLine}
	for flag, key := range map[string]string{"data": "dataset_name", "model": "model_name_or_path"} {
		if value, given := a.values[flag]; given {
			if err := r.Set(key, value, from); err != nil {
				return nil, err
			}
		}
	}
	if a.values["data"] != "" {
		r.DatasetMixture = nil // which would win over the name
	}
	if r.DatasetName == "" && r.DatasetMixture == nil {
		return nil, errors.New("no data is named: give --data, or a --recipe with dataset_name")
	}
	return r, nil
}

// preparedBench is a data set that is ready to be measured.
type preparedBench struct {
	src, columns dataset.Source // whole rows; only the columns that preparation reads
	tok          *dataset.Tokenizer
	prep         *dataset.Preparer // with the recipe's options
	whole        *dataset.Preparer // without truncation, for lengths
	rows         int
}

func (p *preparedBench) close() {
	_ = p.src.Close()
	_ = p.tok.Close()
}

func openBench(ctx context.Context, r *recipes.Recipe, rows int) (*preparedBench, dataBench, error) {
	b := dataBench{Data: r.DatasetName, Model: r.ModelNameOrPath}
	o, err := engine.DataOptions(r)
	if err != nil {
		return nil, b, err
	}
	dir := r.ModelNameOrPath
	if info, statErr := os.Stat(dir); statErr != nil || !info.IsDir() {
		if dir, err = setup.ResolveModel(ctx, dir, r.ModelRevision, nil); err != nil {
			return nil, b, err
		}
	}
	p := &preparedBench{}
	if p.tok, err = engine.OpenTokenizer(dir, r); err != nil {
		return nil, b, err
	}
	start := time.Now()
	p.src, err = engine.OpenTraining(ctx, r, nil)
	if err != nil {
		_ = p.tok.Close()
		return nil, b, err
	}
	b.Data = p.src.Name()
	for i := range 50 {
		if _, err := p.src.At(i); err != nil {
			break // fewer rows, or a bad one, which measuring will report
		}
	}
	b.OpenSeconds = time.Since(start).Seconds()
	if err := p.prepare(o); err != nil {
		p.close()
		return nil, b, err
	}
	p.rows = min(rows, p.src.Len())
	b.Rows = p.rows
	return p, b, nil
}

func (p *preparedBench) prepare(o dataset.Options) error {
	all, err := dataset.NewPreparer(p.src, p.tok, o)
	if err != nil {
		return err
	}
	p.columns = dataset.ProjectFor(p.src, all.Shape(), o)
	if p.prep, err = dataset.NewPreparer(p.columns, p.tok, o); err != nil {
		return err
	}
	o.MaxLength, o.Packing = 0, false
	p.whole, err = dataset.NewPreparer(p.columns, p.tok, o)
	return err
}

// measure times reading, preparing and tokenizing alone.
func (p *preparedBench) measure(ctx context.Context, b *dataBench) error {
	took, err := p.parallel(ctx, b.Workers, func(i int) error {
		_, err := p.columns.At(i)
		return err
	})
	if err != nil {
		return err
	}
	b.ReadRows = float64(p.rows) / took.Seconds()

	var tokens atomic.Int64
	texts := make([]string, p.rows)
	cpu := processorSeconds()
	took, err = p.parallel(ctx, b.Workers, func(i int) error {
		ex, err := p.prep.Row(i)
		if err != nil {
			return err
		}
		tokens.Add(int64(max(ex.FullLength, len(ex.InputIDs))))
		if ex.Text != nil {
			texts[i] = *ex.Text
		}
		return nil
	})
	if err != nil {
		return err
	}
	prepareCPU := processorSeconds() - cpu
	b.Tokens = tokens.Load()
	b.PrepareCore = float64(b.Tokens) / prepareCPU
	b.PrepareRows = float64(p.rows) / took.Seconds()
	b.PrepareRate = float64(b.Tokens) / took.Seconds()

	tokens.Store(0)
	cpu = processorSeconds()
	alone, err := p.parallel(ctx, b.Workers, func(i int) error {
		ids, err := p.tok.Encode(texts[i])
		tokens.Add(int64(len(ids)))
		return err
	})
	if err != nil || tokens.Load() == 0 { // rows that came with ids have no text
		return err
	}
	b.TokenizeRate = float64(tokens.Load()) / alone.Seconds()
	b.TokenizeCore = float64(tokens.Load()) / (processorSeconds() - cpu)
	b.TokenizeTime = b.PrepareCore / b.TokenizeCore
	return nil
}

// parallel calls do for each of the rows on workers goroutines.
func (p *preparedBench) parallel(ctx context.Context, workers int, do func(i int) error) (time.Duration, error) {
	var next atomic.Int64
	errs := make([]error, workers)
	start := time.Now()
	var wg sync.WaitGroup
	for w := range errs {
		wg.Go(func() {
			const batch = 16
			for errs[w] == nil {
				to := int(next.Add(batch))
				for i := to - batch; i < min(to, p.rows) && errs[w] == nil; i++ {
					if errs[w] = ctx.Err(); errs[w] == nil {
						errs[w] = do(i)
					}
				}
				if to >= p.rows {
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(start), errors.Join(errs...)
}

// scan runs a length scan, for at most limit when that is not 0.
func (p *preparedBench) scan(ctx context.Context, workers int, limit time.Duration, store bool, s streams) (*scanBench, error) {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	b := &scanBench{}
	start, cpu := time.Now(), processorSeconds()
	var scan *dataset.Scan
	o := p.whole.ScanOptions("")
	o.Workers, o.StoreIDs = workers, store
	stage, shown := dataset.StageSample, time.Time{}
	o.Report = func(g dataset.ScanProgress) {
		at := time.Since(start).Seconds()
		if g.Sampled > 0 && b.FirstRows == 0 {
			b.EstimateSeconds, b.EstimateCPU = at, processorSeconds()-cpu
			b.FirstRows, b.First = g.Sampled, scan.Estimate(benchShares()...)
		}
		if g.Stage != stage {
			if stage == dataset.StageSample {
				b.SampledRows, b.Sampled = g.Sampled, scan.Estimate(benchShares()...)
			}
			if stage == dataset.StageLargest {
				b.LargestSeconds = at
			}
			stage = g.Stage
		}
		if time.Since(shown) >= 2*time.Second {
			shown = time.Now()
			fmt.Fprintf(s.err, "%-8s %d of %d rows, %.2f M tokens/s, %s left\n", g.Stage, g.Rows, g.Total,
				float64(g.Tokens)/1e6/max(0.001, g.Elapsed.Seconds()), g.ETA.Round(time.Second))
		}
	}
	if store {
		dir, err := os.MkdirTemp("", "sftui-bench-*")
		if err != nil {
			return nil, err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		o.CacheDir, o.Notes = dir, findings.Notes(p.whole) // as the workbench scans
	}
	scan, err := dataset.NewScan(ctx, p.columns, p.whole, o)
	if err != nil {
		return nil, err
	}
	if err := scan.Run(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return nil, err
	}
	g := scan.Progress()
	b.TotalSeconds, b.Rows, b.Tokens = time.Since(start).Seconds(), g.Rows, g.Tokens
	b.Final, b.PeakRSS = scan.Estimate(benchShares()...), peakRSS()
	b.Complete = b.Final.Exact
	return b, nil
}

func benchShares() []float64 { return []float64{0.5, 0.9, 0.95, 0.99} }

// peakRSS is the largest resident size this process has had, in bytes.
func peakRSS() int64 {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	if runtime.GOOS == "darwin" {
		return usage.Maxrss
	}
	return usage.Maxrss * 1024
}

// print writes the figures for a person.
func (b dataBench) print(s streams) {
	lines := [][2]string{{"data", b.Data}, {"model", b.Model}, {"workers", strconv.Itoa(b.Workers)},
		{"open + first 50 rows", fmt.Sprintf("%.3f s", b.OpenSeconds)}}
	if c := b.Scan; c != nil {
		lines = append(lines, [2]string{"estimate after", fmt.Sprintf("%.1f s (%.1f s of processor time), %d rows: %s", c.EstimateSeconds, c.EstimateCPU, c.FirstRows, quantiles(c.First))},
			[2]string{"after the sample", fmt.Sprintf("%d rows: %s", c.SampledRows, quantiles(c.Sampled))},
			[2]string{"outliers after", fmt.Sprintf("%.1f s", c.LargestSeconds)},
			[2]string{"scan", fmt.Sprintf("%.1f s, %d rows, %.1f M tokens, %.2f M tokens/s", c.TotalSeconds, c.Rows, float64(c.Tokens)/1e6, float64(c.Tokens)/1e6/c.TotalSeconds)},
			[2]string{"lengths", quantiles(c.Final) + fmt.Sprintf(", max %d (row %d)", c.Final.Max, c.Final.MaxRow)})
	} else {
		lines = append(lines, [2]string{"rows", fmt.Sprintf("%d with %.2f M tokens", b.Rows, float64(b.Tokens)/1e6)},
			[2]string{"reading", fmt.Sprintf("%.0f rows/s", b.ReadRows)},
			[2]string{"preparing", fmt.Sprintf("%.0f rows/s, %.2f M tokens/s, %.2f M a core (read, render, tokenize, labels)", b.PrepareRows, b.PrepareRate/1e6, b.PrepareCore/1e6)},
			[2]string{"tokenizer alone", fmt.Sprintf("%.2f M tokens/s, %.2f M a core, %.0f%% of preparing", b.TokenizeRate/1e6, b.TokenizeCore/1e6, 100*b.TokenizeTime)})
	}
	lines = append(lines, [2]string{"peak memory", fmt.Sprintf("%.0f MB", float64(b.PeakRSS)/1e6)})
	for _, l := range lines {
		fmt.Fprintf(s.out, "%-22s %s\n", l[0], l[1])
	}
}

func quantiles(e dataset.LengthEstimate) string {
	var parts []string
	for _, q := range slices.Clone(e.Quantiles) {
		text := fmt.Sprintf("p%g %d", 100*q.P, q.Tokens)
		switch {
		case q.Open:
			text += fmt.Sprintf(" (at least %d)", q.Low)
		case q.Low != q.High:
			text += fmt.Sprintf(" (%d–%d)", q.Low, q.High)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}
