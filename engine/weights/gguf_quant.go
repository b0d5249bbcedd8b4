package weights

import (
	"encoding/binary"
	"fmt"
	"math"
)

// quantization describes one GGUF element type: a block of `block` elements takes `bytes` bytes.
// decode is nil for types whose layout is known (so that a file can be listed) but not dequantized here.
type quantization struct {
	name   string
	block  int
	bytes  int
	decode func(out []float32, block []byte)
}

// exact reports whether the type stores floating point numbers as they are.
func (q quantization) exact() bool {
	return q.name == F32 || q.name == F16 || q.name == BF16 || q.name == F64
}

func (q quantization) dequantize(out []float32, raw []byte) error {
	if q.decode == nil {
		return fmt.Errorf("GGUF type %s cannot be dequantized here; use a file of type F16, BF16, Q8_0, Q4_K_M or similar", q.name)
	}
	for i := 0; i*q.block < len(out); i++ {
		q.decode(out[i*q.block:(i+1)*q.block], raw[i*q.bytes:(i+1)*q.bytes])
	}
	return nil
}

// quantizations by the number that the file uses. The k-quants and IQ4_XS have super-blocks of 256 elements.
var quantizations = map[uint32]quantization{
	0:  {F32, 1, 4, func(out []float32, b []byte) { out[0] = math.Float32frombits(binary.LittleEndian.Uint32(b)) }},
	1:  {F16, 1, 2, func(out []float32, b []byte) { out[0] = half(b) }},
	2:  {"Q4_0", 32, 18, decodeQ4x0},
	3:  {"Q4_1", 32, 20, decodeQ4x1},
	6:  {"Q5_0", 32, 22, decodeQ5x0},
	7:  {"Q5_1", 32, 24, decodeQ5x1},
	8:  {"Q8_0", 32, 34, decodeQ8x0},
	9:  {"Q8_1", 32, 36, nil},
	10: {"Q2_K", 256, 84, decodeQ2K},
	11: {"Q3_K", 256, 110, decodeQ3K},
	12: {"Q4_K", 256, 144, decodeQ4K},
	13: {"Q5_K", 256, 176, decodeQ5K},
	14: {"Q6_K", 256, 210, decodeQ6K},
	15: {"Q8_K", 256, 292, nil},
	16: {"IQ2_XXS", 256, 66, nil},
	17: {"IQ2_XS", 256, 74, nil},
	18: {"IQ3_XXS", 256, 98, nil},
	19: {"IQ1_S", 256, 50, nil},
	20: {"IQ4_NL", 32, 18, decodeIQ4NL},
	21: {"IQ3_S", 256, 110, nil},
	22: {"IQ2_S", 256, 82, nil},
	23: {"IQ4_XS", 256, 136, decodeIQ4XS},
	24: {I8, 1, 1, nil},
	25: {I16, 1, 2, nil},
	26: {I32, 1, 4, nil},
	27: {I64, 1, 8, nil},
	28: {F64, 1, 8, func(out []float32, b []byte) { out[0] = float32(math.Float64frombits(binary.LittleEndian.Uint64(b))) }},
	29: {"IQ1_M", 256, 56, nil},
	30: {BF16, 1, 2, func(out []float32, b []byte) { out[0] = BFloat16ToFloat32(binary.LittleEndian.Uint16(b)) }},
	34: {"TQ1_0", 256, 54, nil},
	35: {"TQ2_0", 256, 66, nil},
	39: {"MXFP4", 32, 17, nil},
}

func half(b []byte) float32 { return Float16ToFloat32(binary.LittleEndian.Uint16(b)) }

// The products below are converted to float32 before anything is added to them: without the conversion the
// compiler may fuse the two operations on some machines, and the same file would give other weights there.

func decodeQ4x0(out []float32, b []byte) {
	d := half(b)
	for i, q := range b[2:18] {
		out[i] = d * float32(int(q&15)-8)
		out[i+16] = d * float32(int(q>>4)-8)
	}
}

func decodeQ4x1(out []float32, b []byte) {
	d, m := half(b), half(b[2:])
	for i, q := range b[4:20] {
		out[i] = float32(d*float32(q&15)) + m
		out[i+16] = float32(d*float32(q>>4)) + m
	}
}

// fifthBits joins the low four bits of element i and i+16 with their high bits from qh.
func fifthBits(q byte, qh uint32, i int) (low, high int) {
	low = int(q&15) | int(qh>>i&1)<<4
	high = int(q>>4) | int(qh>>(i+16)&1)<<4
	return low, high
}

func decodeQ5x0(out []float32, b []byte) {
	d, qh := half(b), binary.LittleEndian.Uint32(b[2:])
	for i, q := range b[6:22] {
		low, high := fifthBits(q, qh, i)
		out[i] = d * float32(low-16)
		out[i+16] = d * float32(high-16)
	}
}

func decodeQ5x1(out []float32, b []byte) {
	d, m, qh := half(b), half(b[2:]), binary.LittleEndian.Uint32(b[4:])
	for i, q := range b[8:24] {
		low, high := fifthBits(q, qh, i)
		out[i] = float32(d*float32(low)) + m
		out[i+16] = float32(d*float32(high)) + m
	}
}

func decodeQ8x0(out []float32, b []byte) {
	d := half(b)
	for i, q := range b[2:34] {
		out[i] = d * float32(int8(q))
	}
}

// decodeQ2K: 16 groups of 16 elements, each with a 4-bit scale and a 4-bit minimum; 2 bits an element, four
// groups of 32 sharing the same bytes.
func decodeQ2K(out []float32, b []byte) {
	scales, qs := b[:16], b[16:80]
	d, dmin := half(b[80:]), half(b[82:])
	for i := range out {
		part, rest := i/128, i%128
		shift := 2 * (rest / 32)
		q := qs[32*part+rest%32] >> shift & 3
		scale := scales[i/16]
		out[i] = float32(d*float32(scale&15)*float32(q)) - float32(dmin*float32(scale>>4))
	}
}

// decodeQ3K: 2 low bits in qs, the third (inverted) in hmask; 16 six-bit scales packed in 12 bytes.
func decodeQ3K(out []float32, b []byte) {
	hmask, qs, packed := b[:32], b[32:96], b[96:108]
	d := half(b[108:])
	var scales [16]float32
	for j := range scales {
		low := packed[j%8] >> (4 * (j / 8)) & 15
		high := packed[8+j%4] >> (2 * (j / 4)) & 3
		scales[j] = float32(int(low|high<<4) - 32)
	}
	for i := range out {
		part, rest := i/128, i%128
		q := int(qs[32*part+rest%32] >> (2 * (rest / 32)) & 3)
		if hmask[rest%32]>>(4*part+rest/32)&1 == 0 {
			q -= 4
		}
		out[i] = d * scales[i/16] * float32(q)
	}
}

// scaleMin unpacks the j-th of eight 6-bit scales and minimums from the 12 bytes that Q4_K and Q5_K share.
func scaleMin(packed []byte, j int) (scale, minimum float32) {
	if j < 4 {
		return float32(packed[j] & 63), float32(packed[j+4] & 63)
	}
	return float32(packed[j+4]&15 | packed[j-4]>>6<<4), float32(packed[j+4]>>4 | packed[j]>>6<<4)
}

func decodeQ4K(out []float32, b []byte) {
	d, dmin, qs := half(b), half(b[2:]), b[16:144]
	for j := range 8 {
		scale, minimum := scaleMin(b[4:16], j)
		scale, minimum = d*scale, dmin*minimum
		for i := range 32 {
			q := qs[32*(j/2)+i] >> (4 * (j % 2)) & 15
			out[32*j+i] = float32(scale*float32(q)) - minimum
		}
	}
}

func decodeQ5K(out []float32, b []byte) {
	d, dmin, qh, qs := half(b), half(b[2:]), b[16:48], b[48:176]
	for j := range 8 {
		scale, minimum := scaleMin(b[4:16], j)
		scale, minimum = d*scale, dmin*minimum
		for i := range 32 {
			q := qs[32*(j/2)+i]>>(4*(j%2))&15 | qh[i]>>j&1<<4
			out[32*j+i] = float32(scale*float32(q)) - minimum
		}
	}
}

func decodeQ6K(out []float32, b []byte) {
	ql, qh, scales := b[:128], b[128:192], b[192:208]
	d := half(b[208:])
	for i := range out {
		part, rest := i/128, i%128
		quarter, l := rest/32, rest%32
		low := ql[64*part+32*(quarter%2)+l] >> (4 * (quarter / 2)) & 15
		high := qh[32*part+l] >> (2 * quarter) & 3
		scale := d * float32(int8(scales[i/16]))
		out[i] = scale * float32(int(low|high<<4)-32)
	}
}

// iq4Values is the non-uniform 4-bit grid of the IQ4 types.
var iq4Values = [16]float32{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}

func decodeIQ4NL(out []float32, b []byte) {
	d := half(b)
	for i, q := range b[2:18] {
		out[i] = d * iq4Values[q&15]
		out[i+16] = d * iq4Values[q>>4]
	}
}

func decodeIQ4XS(out []float32, b []byte) {
	d, high := half(b), binary.LittleEndian.Uint16(b[2:])
	for j := range 8 {
		scale := int(b[4+j/2]>>(4*(j%2))&15) | int(high>>(2*j)&3)<<4
		step := d * float32(scale-32)
		for i, q := range b[8+16*j : 24+16*j] {
			out[32*j+i] = step * iq4Values[q&15]
			out[32*j+16+i] = step * iq4Values[q>>4]
		}
	}
}
