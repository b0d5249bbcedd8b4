package dataset

import "math/bits"

// TorchPermutation returns what torch.randperm(n, generator=g) gives on the
// CPU for a generator g seeded with seed: the order in which a Trainer's
// sampler visits n rows.
func TorchPermutation(n int, seed int64) []int { return NewTorchStream(seed).Permutation(n) }

// TorchStream is torch's generator on the CPU, from which several numbers are
// drawn one after the other.
type TorchStream struct{ g *mersenneTwister }

// NewTorchStream is a generator after torch.manual_seed(seed).
func NewTorchStream(seed int64) *TorchStream {
	return &TorchStream{newMersenneTwister(uint32(uint64(seed)))} // torch keeps the low 32 bits
}

// Skip draws an int64 and drops it, as a DataLoader does when it is iterated.
func (s *TorchStream) Skip() {
	s.g.next()
	s.g.next()
}

// Permutation is torch.randperm(n).
func (s *TorchStream) Permutation(n int) []int {
	p := identity(n)
	if uint64(n) >= torchWide {
		shuffleWide(p, s.g)
		return p
	}
	for i := 0; i < n-1; i++ {
		z := i + int(s.g.next()%uint32(n-i))
		p[i], p[z] = p[z], p[i]
	}
	return p
}

// torchWide is the number of elements from which on torch shuffles otherwise,
// since the modulo of a 32-bit draw would be noticeably uneven.
const torchWide = (1<<32 - 1) / 20

// shuffleWide shuffles 0, 1, … in p from the inside out with draws of 64 bits.
func shuffleWide(p []int, g *mersenneTwister) {
	for i := range p {
		high := uint64(g.next())
		z := (high<<32 | uint64(g.next())) % uint64(i+1)
		p[i] = p[z]
		p[z] = i
	}
}

// NumpyPermutation returns what numpy.random.default_rng(seed).permutation(n)
// gives: the order of datasets.Dataset.shuffle(seed). seed must not be
// negative; numpy refuses such seeds.
func NumpyPermutation(n int, seed int64) []int {
	p := identity(n)
	g := newPCG64(uint64(seed))
	for i := n - 1; i >= 1; i-- {
		j := int(g.bounded(uint64(i)))
		p[i], p[j] = p[j], p[i]
	}
	return p
}

// identity returns 0, 1, …, n-1.
func identity(n int) []int {
	p := make([]int, max(n, 0))
	for i := range p {
		p[i] = i
	}
	return p
}

// mersenneTwister is MT19937, the generator of torch on the CPU.
type mersenneTwister struct {
	state [624]uint32
	at    int
}

func newMersenneTwister(seed uint32) *mersenneTwister {
	g := &mersenneTwister{at: 624}
	g.state[0] = seed
	for i := uint32(1); i < 624; i++ {
		prev := g.state[i-1]
		g.state[i] = 1812433253*(prev^prev>>30) + i
	}
	return g
}

// twist makes the next 624 words.
func (g *mersenneTwister) twist() {
	for i := range g.state {
		y := g.state[i]&0x80000000 | g.state[(i+1)%624]&0x7fffffff
		next := g.state[(i+397)%624] ^ y>>1
		if y&1 != 0 {
			next ^= 0x9908b0df
		}
		g.state[i] = next
	}
	g.at = 0
}

// next returns the next 32 bits.
func (g *mersenneTwister) next() uint32 {
	if g.at == len(g.state) {
		g.twist()
	}
	y := g.state[g.at]
	g.at++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

// pcg64 is numpy's default bit generator: PCG XSL-RR 128/64, seeded through a
// SeedSequence. half keeps the second half of a draw for the next 32-bit one.
type pcg64 struct {
	stateHi, stateLo uint64
	incHi, incLo     uint64
	half             uint32
	hasHalf          bool
}

// The multiplier of PCG's 128-bit generator.
const (
	pcgMultiplierHi = 2549297995355413924
	pcgMultiplierLo = 4865540595714422341
)

func newPCG64(seed uint64) *pcg64 {
	words := seedSequence(seed)
	g := &pcg64{
		incHi: words[2]<<1 | words[3]>>63,
		incLo: words[3]<<1 | 1,
	}
	g.step()
	var carry uint64
	g.stateLo, carry = bits.Add64(g.stateLo, words[1], 0)
	g.stateHi, _ = bits.Add64(g.stateHi, words[0], carry)
	g.step()
	return g
}

// step advances the 128-bit state.
func (g *pcg64) step() {
	hi, lo := bits.Mul64(g.stateLo, pcgMultiplierLo)
	hi += g.stateHi*pcgMultiplierLo + g.stateLo*pcgMultiplierHi
	var carry uint64
	g.stateLo, carry = bits.Add64(lo, g.incLo, 0)
	g.stateHi, _ = bits.Add64(hi, g.incHi, carry)
}

// next64 returns the next 64 bits.
func (g *pcg64) next64() uint64 {
	g.step()
	return bits.RotateLeft64(g.stateHi^g.stateLo, -int(g.stateHi>>58))
}

// next32 returns the next 32 bits: the low half of a draw, then its high half.
func (g *pcg64) next32() uint32 {
	if g.hasHalf {
		g.hasHalf = false
		return g.half
	}
	v := g.next64()
	g.half, g.hasHalf = uint32(v>>32), true
	return uint32(v)
}

// bounded returns a number in 0…top inclusive: as many low bits of a draw as
// top has, drawn again while they are above top.
func (g *pcg64) bounded(top uint64) uint64 {
	if top == 0 {
		return 0
	}
	mask := ^uint64(0) >> bits.LeadingZeros64(top)
	for {
		v := mask
		if top <= 1<<32-1 {
			v &= uint64(g.next32())
		} else {
			v &= g.next64()
		}
		if v <= top {
			return v
		}
	}
}

// seedSequence returns numpy's SeedSequence(seed).generate_state(4, uint64).
func seedSequence(seed uint64) [4]uint64 {
	const (
		initA, multA = 0x43b0d7e5, 0x931e8875
		initB, multB = 0x8b51f9dd, 0x58f38ded
		mixL, mixR   = 0xca01f9dd, 0x4973f715
	)
	hash := uint32(initA)
	hashmix := func(v uint32) uint32 {
		v ^= hash
		hash *= multA
		v *= hash
		return v ^ v>>16
	}
	mix := func(x, y uint32) uint32 {
		v := x*mixL - y*mixR
		return v ^ v>>16
	}
	var pool [4]uint32
	for i, word := range [...]uint32{uint32(seed), uint32(seed >> 32), 0, 0} {
		pool[i] = hashmix(word)
	}
	for from := range pool {
		for to := range pool {
			if from != to {
				pool[to] = mix(pool[to], hashmix(pool[from]))
			}
		}
	}
	var words [8]uint32
	hash = initB
	for i := range words {
		v := pool[i%4] ^ hash
		hash *= multB
		v *= hash
		words[i] = v ^ v>>16
	}
	var out [4]uint64
	for i := range out {
		out[i] = uint64(words[2*i]) | uint64(words[2*i+1])<<32
	}
	return out
}
