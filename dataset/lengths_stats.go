package dataset

import (
	"math"
	"sort"
)

// Quantile is a length that a share of the rows does not exceed, with the
// range in which it lies with 95% confidence; Low and High equal Tokens once
// every row is known.
type Quantile struct {
	P         float64
	Tokens    int
	Low, High int
	Open      bool // the sample is too small to bound it from above; High is the longest row known
}

// LengthEstimate is the distribution of the rows' lengths as far as a scan
// knows it.
type LengthEstimate struct {
	Rows, Known int
	Exact       bool // every row is known
	Quantiles   []Quantile
	Max         int     // longest row known
	MaxRow      int     // that row, -1 for none
	Mean        float64 // tokens a row
	MeanError   float64 // half width of its 95% confidence range
	Tokens      float64 // tokens of all rows together
	Trained     float64 // share of tokens that carry loss, 0 to 1
}

// weighted is a known length and how many rows it stands for.
type weighted struct {
	RowLength
	weight float64
	drawn  bool  // it belongs to the random sample
	run    int32 // the run that it was drawn with, -1 for none
}

// view is the known rows with their weights, and how the sample among them was drawn.
type view struct {
	rows   []weighted
	region int // rows that no stage has reached: the sample stands for them
	drawn  int // of them in the sample
	// Where the sample goes by runs: how many of the source's runs it has.
	drawnRuns, runs int
}

// sampleView lists the known rows with their weights, those that fail left
// out: a row that a stage has
// reached stands for itself; the random sample stands for the rows that no
// stage has reached yet.
func (s *Scan) sampleView() view {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := view{rows: make([]weighted, 0, s.known), drawnRuns: s.drawnRuns, runs: s.runs}
	for _, c := range s.covered {
		if !c {
			v.region++
		}
	}
	for _, r := range s.sampled {
		if !s.covered[r] {
			v.drawn++
		}
	}
	for i, c := range s.covered {
		if c && s.lengths[i].Tokens >= 0 && !s.lengths[i].Failed {
			v.rows = append(v.rows, weighted{RowLength: s.lengths[i], weight: 1, run: -1})
		}
	}
	if v.drawn > 0 {
		for k, r := range s.sampled {
			if s.covered[r] || s.lengths[r].Failed {
				continue
			}
			one := weighted{RowLength: s.lengths[r], weight: float64(v.region) / float64(v.drawn), drawn: true, run: -1}
			if k < len(s.runOf) {
				one.run = s.runOf[k]
			}
			v.rows = append(v.rows, one)
		}
		return v
	}
	all := float64(len(v.rows) + v.region)
	if v.region > 0 && len(v.rows) == 0 { // nothing but a broken round: better than nothing
		for _, l := range s.lengths {
			if l.Tokens >= 0 && !l.Failed {
				v.rows = append(v.rows, weighted{RowLength: l, weight: 1, run: -1})
			}
		}
	}
	for i := range v.rows { // without a sample what is known stands for all
		v.rows[i].weight = all / float64(len(v.rows))
	}
	return v
}

// margin is the half width of the 95% confidence range of the sample's mean of
// what x says of its rows. A sample by runs of which some are still missing is
// one in two stages: how the runs' sums differ tells the error, and the fewer
// they are the less is known of that.
func (v view) margin(x func(RowLength) float64) float64 {
	n := float64(v.drawn)
	if n < 2 {
		return 0
	}
	var sum, squares float64
	for _, r := range v.rows {
		if r.drawn {
			value := x(r.RowLength)
			sum += value
			squares += value * value
		}
	}
	mean := sum / n
	within := max(0, (squares-sum*mean)/(n-1)) / n
	if v.drawnRuns == v.runs || v.drawnRuns < 2 {
		return 1.96 * math.Sqrt(within)
	}
	off := make([]float64, v.drawnRuns)
	for _, r := range v.rows {
		if r.run >= 0 {
			off[r.run] += x(r.RowLength) - mean
		}
	}
	between := 0.0
	for _, o := range off {
		between += o * o
	}
	g := float64(v.drawnRuns)
	between *= g / (g - 1) / (n * n)
	open := 1 - g/float64(v.runs)
	student := 1.96 + 2.8/(g-1) // the t distribution's 97.5% point, near enough
	return student * math.Sqrt(open*between+(1-open)*within)
}

// Estimate is the distribution at the given shares (0.5, 0.9 …).
func (s *Scan) Estimate(shares ...float64) LengthEstimate {
	v := s.sampleView()
	rows := v.rows
	s.mu.Lock()
	e := LengthEstimate{Rows: len(s.lengths), Known: s.known, Exact: s.known == len(s.lengths), MaxRow: -1}
	for _, l := range s.lengths {
		if l.Tokens > e.Max || l.Tokens >= 0 && e.MaxRow < 0 {
			e.Max, e.MaxRow = l.Tokens, l.Row
		}
	}
	s.mu.Unlock()
	if len(rows) == 0 {
		return e
	}
	sort.Slice(rows, func(a, b int) bool { return rows[a].Tokens < rows[b].Tokens })
	total := 0.0
	for _, r := range rows {
		total += r.weight
	}
	open := float64(v.region) / float64(e.Rows) // share of rows that the sample stands for
	for _, p := range shares {
		q := Quantile{P: p, Tokens: at(rows, total, p)}
		margin := 0.0
		if v.drawn > 0 {
			margin = open * max(v.margin(func(r RowLength) float64 { return below(r, q.Tokens) }), 1.96*math.Sqrt(p*(1-p)/float64(v.drawn)))
		}
		q.Low, q.High, q.Open = at(rows, total, p-margin), at(rows, total, p+margin), margin > 0 && p+margin >= 1
		e.Quantiles = append(e.Quantiles, q)
	}
	e.means(rows, total)
	if v.drawn > 0 {
		e.MeanError = open * v.margin(func(r RowLength) float64 { return float64(r.Tokens) })
	}
	return e
}

func below(r RowLength, tokens int) float64 {
	if r.Tokens <= tokens {
		return 1
	}
	return 0
}

// at is the length that share p of the weight does not exceed.
func at(rows []weighted, total, p float64) int {
	sum := 0.0
	for _, r := range rows {
		if sum += r.weight; sum >= p*total-1e-9 {
			return r.Tokens
		}
	}
	return rows[len(rows)-1].Tokens
}

func (e *LengthEstimate) means(rows []weighted, total float64) {
	var tokens, trained float64
	for _, r := range rows {
		tokens += r.weight * float64(r.Tokens)
		trained += r.weight * float64(r.Trained)
	}
	e.Mean = tokens / total
	e.Tokens = e.Mean * float64(e.Rows)
	if tokens > 0 {
		e.Trained = trained / tokens
	}
}

// Classes counts the rows in n classes of equal width on a logarithmic scale
// from lo to hi tokens, estimated while the scan goes on; lengths outside fall
// into the first or the last class.
func (s *Scan) Classes(n int, lo, hi float64) []float64 {
	out := make([]float64, n)
	if n == 0 || lo <= 0 || hi <= lo {
		return out
	}
	scale := float64(n) / math.Log(hi/lo)
	for _, r := range s.sampleView().rows {
		out[min(max(int(math.Log(max(float64(r.Tokens), 1)/lo)*scale), 0), n-1)] += r.weight
	}
	return out
}

// CutReport is what a max_length would do; while the scan goes on the numbers
// are estimates.
type CutReport struct {
	MaxLength   int
	Rows        float64 // rows that are cut
	Tokens      float64 // tokens cut off
	AnswersLost float64 // rows left without any token that carries loss
	AnswersCut  float64 // rows that lose some of them
	EOSLost     float64 // rows that lose the end token they train on
	Share       float64 // of all rows, 0 to 1
}

// Cut says what max_length would cut with truncation_mode keep_start or
// keep_end.
func (s *Scan) Cut(maxLength int, mode string) CutReport {
	rows := s.sampleView().rows
	c := CutReport{MaxLength: maxLength}
	total := 0.0
	for _, r := range rows {
		total += r.weight
		if maxLength <= 0 || r.Tokens <= maxLength {
			continue
		}
		c.Rows += r.weight
		c.Tokens += r.weight * float64(r.Tokens-maxLength)
		if r.First < 0 {
			continue
		}
		first, last := 0, maxLength // tokens that stay
		if mode == "keep_end" {
			first, last = r.Tokens-maxLength, r.Tokens
		}
		if r.First >= last || r.Last < first {
			c.AnswersLost += r.weight
		} else if r.First < first || r.Last >= last {
			c.AnswersCut += r.weight
		}
		if r.End >= last || r.End >= 0 && r.End < first {
			c.EOSLost += r.weight
		}
	}
	if total > 0 {
		c.Share = c.Rows / total
	}
	return c
}
