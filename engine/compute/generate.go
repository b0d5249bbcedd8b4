package compute

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"

	"sftui/engine/model"
)

// prefillChunk is how many tokens of a prompt one pass takes.
const prefillChunk = 64

// cacheStep is what a cache's capacity is rounded up to, so that few are compiled.
const cacheStep = 256

// generation is one reply in the making: a key and value cache for every layer.
type generation struct {
	s        *Session
	capacity int
	k, v     []compute.Buffer
	random   *rand.Rand
	o        GenerateOptions
}

// Generate continues prompt with at most MaxNewTokens tokens, calling emit with every new one, the stopping one
// included. It ends early at a stop id or when ctx is done. Like transformers' generate it goes on beyond
// max_position_embeddings, which rotary positions have no end at; who does not want that asks for fewer tokens.
func (s *Session) Generate(ctx context.Context, prompt []int32, o GenerateOptions, emit func(id int32)) error {
	if len(prompt) == 0 {
		return fmt.Errorf("generation needs a prompt of at least one token")
	}
	for _, id := range prompt {
		if id < 0 || int(id) >= s.model.Config.VocabSize {
			return fmt.Errorf("token id %d is outside the model's vocabulary of %d", id, s.model.Config.VocabSize)
		}
	}
	limit := len(prompt) + o.MaxNewTokens
	g := &generation{
		s: s, o: o, capacity: roundUp(roundUp(limit, prefillChunk), cacheStep),
		random: rand.New(rand.NewPCG(uint64(o.Seed), 1)),
	}
	defer g.free()
	if err := g.allocate(); err != nil {
		return err
	}
	logits, err := g.prefill(ctx, prompt)
	if err != nil {
		return err
	}
	for at := len(prompt); at < limit; at++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		next, err := g.choose(logits)
		if err != nil {
			return err
		}
		emit(next)
		if slices.Contains(o.StopIDs, next) || at+1 == limit {
			return nil
		}
		if logits, err = g.feed([]int32{next}, at, 1); err != nil {
			return err
		}
	}
	return nil
}

func (g *generation) allocate() error {
	shape := []int{g.capacity, g.s.model.KVHeads, g.s.model.HeadDim}
	for range g.s.layers {
		for _, cache := range []*[]compute.Buffer{&g.k, &g.v} {
			b, err := g.s.zerosOf(g.s.dtype, shape)
			if err != nil {
				return err
			}
			*cache = append(*cache, b)
		}
	}
	return nil
}

func (g *generation) free() {
	free(g.k...)
	free(g.v...)
}

// prefill feeds the prompt chunk by chunk and returns the logits after its last token. A chunk that is not full is
// filled up; what the filling leaves in the cache lies behind every position that is attended to, until it is
// overwritten.
func (g *generation) prefill(ctx context.Context, prompt []int32) (logits []float32, err error) {
	for start := 0; start < len(prompt); start += prefillChunk {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if logits, err = g.feed(prompt[start:min(start+prefillChunk, len(prompt))], start, prefillChunk); err != nil {
			return nil, err
		}
	}
	return logits, nil
}

// feed runs ids (filled up to width) at positions from start on and returns the logits after the last id.
func (g *generation) feed(ids []int32, start, width int) ([]float32, error) {
	s := g.s
	filled, positions := make([]int32, width), make([]int32, width)
	copy(filled, ids)
	for i := range positions {
		positions[i] = int32(start + i)
	}
	p := &pass{layout: &layout{shape: Shape{Rows: 1, Length: width}, ids: filled, positions: positions, segments: make([]int32, width)}}
	defer p.free()
	if err := s.uploadPass(p, false); err != nil {
		return nil, err
	}
	from, err := s.uploadInt([]int32{int32(start)})
	if err != nil {
		return nil, err
	}
	defer free(from)
	x, err := s.embedIDs(p)
	if err != nil {
		return nil, err
	}
	for i, l := range s.layers {
		program, err := s.decodeProgram(l.variant, width, g.capacity)
		if err != nil {
			free(x)
			return nil, err
		}
		inputs := append([]compute.Buffer{x, g.k[i], g.v[i], from}, p.inputs(l.kind, i)...)
		outputs, err := s.runLayer(program, l, inputs, nil)
		free(x)
		if err != nil {
			return nil, err
		}
		x, g.k[i], g.v[i] = outputs[0], outputs[1], outputs[2]
	}
	defer free(x)
	out := make([][]float32, len(ids))
	if err := s.logitsChunk(p, x, out, len(ids)-1, 1); err != nil {
		return nil, err
	}
	return out[len(ids)-1], nil
}

// decodeProgram runs one variant of layers over width new positions with a cache.
func (s *Session) decodeProgram(variant, width, capacity int) (*program, error) {
	key := fmt.Sprintf("decode %d %d %d", variant, width, capacity)
	return s.programs.get(key, func() (*program, error) {
		return compile(s.dev.Backend, key, func(b *builder) []*graph.Node {
			x := b.float("x", width, s.model.Config.HiddenSize)
			k := b.param("cache k", s.dtype, capacity, s.model.KVHeads, s.model.HeadDim)
			v := b.param("cache v", s.dtype, capacity, s.model.KVHeads, s.model.HeadDim)
			cache := &model.Cache{K: k, V: v, Start: b.int("start")}
			b.update(k, 1)
			b.update(v, 2)
			l, _, _ := s.blockInputs(b, variant, Shape{Rows: 1, Length: width}, false)
			l.Attend = cache.Attend
			y := s.model.Build(l, x)
			return []*graph.Node{y, cache.K, cache.V}
		})
	})
}

// choose picks the next token: the likeliest, or one drawn at the given temperature from the top_p mass.
func (g *generation) choose(logits []float32) (int32, error) {
	best := 0
	for i, v := range logits {
		if math.IsNaN(float64(v)) {
			return 0, fmt.Errorf("the model's logits are not numbers (NaN): its weights are broken")
		}
		if v > logits[best] {
			best = i
		}
	}
	if g.o.Temperature <= 0 {
		return int32(best), nil
	}
	return g.sample(logits, float64(logits[best])), nil
}

func (g *generation) sample(logits []float32, top float64) int32 {
	type choice struct {
		id          int32
		probability float64
	}
	choices, total := make([]choice, len(logits)), 0.0
	for i, v := range logits {
		choices[i] = choice{int32(i), math.Exp((float64(v) - top) / g.o.Temperature)}
		total += choices[i].probability
	}
	if g.o.TopP > 0 && g.o.TopP < 1 {
		sort.Slice(choices, func(a, b int) bool { return choices[a].probability > choices[b].probability })
		kept, mass := 0, 0.0
		for kept < len(choices) && mass < g.o.TopP*total {
			mass += choices[kept].probability
			kept++
		}
		choices, total = choices[:kept], mass
	}
	draw := g.random.Float64() * total
	for _, c := range choices {
		if draw -= c.probability; draw <= 0 {
			return c.id
		}
	}
	return choices[len(choices)-1].id
}
