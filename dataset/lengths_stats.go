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
}

// sampleView lists the known rows with their weights, those that fail left
// out: a row that a stage has
// reached stands for itself; the random sample stands for the rows that no
// stage has reached yet. region is the number of the latter, drawn how many of
// them the sample has.
func (s *Scan) sampleView() (rows []weighted, region, drawn int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.covered {
		if !c {
			region++
		}
	}
	for _, r := range s.sampled {
		if !s.covered[r] {
			drawn++
		}
	}
	rows = make([]weighted, 0, s.known)
	for i, c := range s.covered {
		if c && s.lengths[i].Tokens >= 0 && !s.lengths[i].Failed {
			rows = append(rows, weighted{s.lengths[i], 1})
		}
	}
	if drawn > 0 {
		for _, r := range s.sampled {
			if !s.covered[r] && !s.lengths[r].Failed {
				rows = append(rows, weighted{s.lengths[r], float64(region) / float64(drawn)})
			}
		}
		return rows, region, drawn
	}
	if region > 0 && len(rows) == 0 { // nothing but a broken round: better than nothing
		for _, l := range s.lengths {
			if l.Tokens >= 0 && !l.Failed {
				rows = append(rows, weighted{l, 1})
			}
		}
	}
	return rows, region, 0
}

// Estimate is the distribution at the given shares (0.5, 0.9 …).
func (s *Scan) Estimate(shares ...float64) LengthEstimate {
	rows, region, drawn := s.sampleView()
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
	open := float64(region) / float64(e.Rows) // share of rows that the sample stands for
	for _, p := range shares {
		margin := 0.0
		if drawn > 0 {
			margin = 1.96 * open * math.Sqrt(p*(1-p)/float64(drawn))
		}
		e.Quantiles = append(e.Quantiles, Quantile{P: p,
			Tokens: at(rows, total, p), Low: at(rows, total, p-margin), High: at(rows, total, p+margin)})
	}
	e.means(rows, total, open, drawn)
	return e
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

func (e *LengthEstimate) means(rows []weighted, total, open float64, drawn int) {
	var tokens, trained, squares, sampleSum float64
	for _, r := range rows {
		tokens += r.weight * float64(r.Tokens)
		trained += r.weight * float64(r.Trained)
		if drawn > 0 && r.weight != 1 {
			squares += float64(r.Tokens) * float64(r.Tokens)
			sampleSum += float64(r.Tokens)
		}
	}
	e.Mean = tokens / total
	e.Tokens = e.Mean * float64(e.Rows)
	if tokens > 0 {
		e.Trained = trained / tokens
	}
	if n := float64(drawn); n > 1 {
		variance := max(0, (squares-sampleSum*sampleSum/n)/(n-1))
		e.MeanError = 1.96 * open * math.Sqrt(variance/n)
	}
}

// HistogramBin counts rows whose length is at least From and below To.
type HistogramBin struct {
	From, To int
	Rows     float64 // estimated while the scan goes on
}

// Histogram divides the lengths into bins of equal width, the last of which
// takes all rows from its start on. With upTo 0 it ends at the longest row.
func (s *Scan) Histogram(bins, upTo int) []HistogramBin {
	rows, _, _ := s.sampleView()
	if bins <= 0 || len(rows) == 0 {
		return nil
	}
	longest := 0
	for _, r := range rows {
		longest = max(longest, r.Tokens)
	}
	if upTo <= 0 || upTo > longest {
		upTo = longest + 1
	}
	width := max(1, (upTo+bins-1)/bins)
	out := make([]HistogramBin, bins)
	for i := range out {
		out[i].From, out[i].To = i*width, (i+1)*width
	}
	out[bins-1].To = max(out[bins-1].To, longest+1)
	for _, r := range rows {
		out[min(r.Tokens/width, bins-1)].Rows += r.weight
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
	EOSLost     float64 // rows that lose the end-of-sequence token they train on
	Share       float64 // of all rows, 0 to 1
}

// Cut says what max_length would cut with truncation_mode keep_start or
// keep_end.
func (s *Scan) Cut(maxLength int, mode string) CutReport {
	rows, _, _ := s.sampleView()
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
		if r.EOS && (r.Last >= last || r.Last < first) {
			c.EOSLost += r.weight
		}
	}
	if total > 0 {
		c.Share = c.Rows / total
	}
	return c
}
