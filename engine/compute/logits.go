package compute

import (
	"math"

	"github.com/gomlx/compute"
)

// Logits returns the logits of every position of one sequence.
func (s *Session) Logits(ids []int32) ([][]float32, error) {
	l, err := s.layOut(Batch{InputIDs: [][]int32{ids}})
	if err != nil {
		return nil, err
	}
	p, err := s.begin(l, false)
	if err != nil {
		return nil, err
	}
	defer p.free()
	x, err := s.forward(p, nil)
	if err != nil {
		return nil, err
	}
	defer free(x)
	out := make([][]float32, len(ids))
	chunk := s.headChunk()
	for start := 0; start < len(ids); start += chunk {
		if err := s.logitsChunk(p, x, out, start, chunk); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// logitsChunk fills in out[start:start+chunk]; one sequence lies at the beginning of its row.
func (s *Session) logitsChunk(p *pass, x compute.Buffer, out [][]float32, start, chunk int) error {
	at := make([]int32, chunk)
	for i := range at {
		at[i] = int32(min(start+i, len(out)-1))
	}
	pick, err := s.pickProgram(p.shape.Positions(), chunk)
	if err != nil {
		return err
	}
	program, err := s.logitsProgram(chunk)
	if err != nil {
		return err
	}
	where, err := s.uploadInt(at, chunk)
	if err != nil {
		return err
	}
	defer free(where)
	h, err := one(pick.run(x, where))
	if err != nil {
		return err
	}
	defer free(h)
	table, err := s.operand(s.head)
	if err != nil {
		return err
	}
	logits, err := one(program.run(h, s.norm.value, table))
	if err != nil {
		return err
	}
	defer free(logits)
	v := s.model.Config.VocabSize
	values, err := download(logits, chunk*v)
	if err != nil {
		return err
	}
	for i := start; i < min(start+chunk, len(out)); i++ {
		out[i] = values[(i-start)*v : (i-start+1)*v]
	}
	return nil
}

// LogSumExp is log Σ exp of one position's logits, in float64.
func LogSumExp(logits []float32) float64 {
	top := math.Inf(-1)
	for _, v := range logits {
		top = max(top, float64(v))
	}
	sum := 0.0
	for _, v := range logits {
		sum += math.Exp(float64(v) - top)
	}
	return top + math.Log(sum)
}
