package weights

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Names of element types as safetensors headers spell them.
const (
	F64  = "F64"
	F32  = "F32"
	F16  = "F16"
	BF16 = "BF16"
	I64  = "I64"
	I32  = "I32"
	I16  = "I16"
	I8   = "I8"
	U8   = "U8"
	Bool = "BOOL"
)

// elementSizes has the bytes of one element of every safetensors type of whole bytes, including those
// that are passed through without being understood.
var elementSizes = map[string]int{
	F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, Bool: 1,
	"U64": 8, "U32": 4, "U16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "C64": 8,
}

// ElementSize returns the bytes of one element of a safetensors type, 0 for an unknown one.
func ElementSize(dtype string) int { return elementSizes[dtype] }

// DTypeOf translates torch's and the recipes' names of floating point types (float32, bfloat16, float16,
// with or without "torch.") into safetensors names. It returns "" for anything else.
func DTypeOf(name string) string {
	switch name {
	case "float32", "torch.float32", F32:
		return F32
	case "bfloat16", "torch.bfloat16", BF16:
		return BF16
	case "float16", "torch.float16", F16:
		return F16
	}
	return ""
}

// TorchName is the inverse of [DTypeOf]: the name that config.json uses.
func TorchName(dtype string) string {
	switch dtype {
	case F32:
		return "float32"
	case BF16:
		return "bfloat16"
	case F16:
		return "float16"
	}
	return ""
}

// Float32ToBFloat16 rounds to the nearest bfloat16, ties to even, as torch does. NaN stays NaN.
func Float32ToBFloat16(x float32) uint16 {
	bits := math.Float32bits(x)
	if bits&0x7fffffff > 0x7f800000 {
		return uint16(bits>>16) | 0x0040 // keep it a NaN even when only low mantissa bits were set
	}
	return uint16((bits + 0x7fff + (bits>>16)&1) >> 16)
}

// BFloat16ToFloat32 is exact.
func BFloat16ToFloat32(b uint16) float32 { return math.Float32frombits(uint32(b) << 16) }

// Float16ToFloat32 is exact, subnormals, infinities and NaN included.
func Float16ToFloat32(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	exponent := uint32(h>>10) & 0x1f
	mantissa := uint32(h & 0x3ff)
	switch exponent {
	case 0:
		x := float32(mantissa) * (1.0 / (1 << 24))
		return math.Float32frombits(math.Float32bits(x) | sign)
	case 0x1f:
		return math.Float32frombits(sign | 0x7f800000 | mantissa<<13)
	}
	return math.Float32frombits(sign | (exponent+112)<<23 | mantissa<<13)
}

// Float32ToFloat16 rounds to the nearest IEEE half, ties to even; values beyond its range become infinite.
func Float32ToFloat16(x float32) uint16 {
	bits := math.Float32bits(x)
	sign := uint16(bits>>16) & 0x8000
	magnitude := bits & 0x7fffffff
	switch {
	case magnitude > 0x7f800000:
		return sign | 0x7e00 | uint16(magnitude>>13)&0x3ff
	case magnitude >= 0x477ff000: // rounds to 65536 or more
		return sign | 0x7c00
	case magnitude >= 0x38800000: // normal halves, from 2^-14
		rounded := magnitude + 0xfff + (magnitude>>13)&1
		return sign | uint16((rounded-0x38000000)>>13)
	case magnitude <= 0x33000000: // at most half of the smallest subnormal: ties go to even, zero
		return sign
	}
	// Subnormal: the value in units of 2^-24, which math.RoundToEven does exactly in float64.
	units := math.RoundToEven(float64(math.Float32frombits(magnitude)) * (1 << 24))
	return sign | uint16(units)
}

// EncodeFloat32 writes values as little-endian elements of a floating point type (F32, BF16 or F16).
func EncodeFloat32(values []float32, dtype string) ([]byte, error) {
	switch dtype {
	case F32:
		out := make([]byte, 4*len(values))
		for i, v := range values {
			binary.LittleEndian.PutUint32(out[4*i:], math.Float32bits(v))
		}
		return out, nil
	case BF16:
		return encode16(values, Float32ToBFloat16), nil
	case F16:
		return encode16(values, Float32ToFloat16), nil
	}
	return nil, fmt.Errorf("cannot write floating point values as %s; use F32, BF16 or F16", dtype)
}

func encode16(values []float32, convert func(float32) uint16) []byte {
	out := make([]byte, 2*len(values))
	for i, v := range values {
		binary.LittleEndian.PutUint16(out[2*i:], convert(v))
	}
	return out
}

// DecodeFloat32 reads little-endian elements of any type that [Checkpoint.Float32] understands.
// The result is a copy; len(raw) must be a multiple of the element size.
func DecodeFloat32(raw []byte, dtype string) ([]float32, error) {
	size := ElementSize(dtype)
	if size == 0 || len(raw)%size != 0 {
		return nil, fmt.Errorf("%d bytes are not a whole number of %q elements", len(raw), dtype)
	}
	read := elementReader(dtype)
	if read == nil {
		return nil, fmt.Errorf("weights of type %s cannot be read; save the model as float32, bfloat16 or float16", dtype)
	}
	out := make([]float32, len(raw)/size)
	read(out, raw)
	return out, nil
}

// Readable says whether [DecodeFloat32] understands a type.
func Readable(dtype string) bool { return elementReader(dtype) != nil }

// elementReader returns a loop over elements rather than a function of one, so that the common types
// convert without a call an element.
func elementReader(dtype string) func(out []float32, raw []byte) {
	little := binary.LittleEndian
	switch dtype {
	case F32:
		return func(out []float32, raw []byte) {
			for i := range out {
				out[i] = math.Float32frombits(little.Uint32(raw[4*i:]))
			}
		}
	case BF16:
		return func(out []float32, raw []byte) {
			for i := range out {
				out[i] = BFloat16ToFloat32(little.Uint16(raw[2*i:]))
			}
		}
	case F16:
		return func(out []float32, raw []byte) {
			for i := range out {
				out[i] = Float16ToFloat32(little.Uint16(raw[2*i:]))
			}
		}
	case F64:
		return func(out []float32, raw []byte) {
			for i := range out {
				out[i] = float32(math.Float64frombits(little.Uint64(raw[8*i:])))
			}
		}
	}
	return integerReader(dtype)
}

func integerReader(dtype string) func(out []float32, raw []byte) {
	little := binary.LittleEndian
	var at func(raw []byte, i int) float32
	switch dtype {
	case I64:
		at = func(raw []byte, i int) float32 { return float32(int64(little.Uint64(raw[8*i:]))) }
	case "U64":
		at = func(raw []byte, i int) float32 { return float32(little.Uint64(raw[8*i:])) }
	case I32:
		at = func(raw []byte, i int) float32 { return float32(int32(little.Uint32(raw[4*i:]))) }
	case "U32":
		at = func(raw []byte, i int) float32 { return float32(little.Uint32(raw[4*i:])) }
	case I16:
		at = func(raw []byte, i int) float32 { return float32(int16(little.Uint16(raw[2*i:]))) }
	case "U16":
		at = func(raw []byte, i int) float32 { return float32(little.Uint16(raw[2*i:])) }
	case I8:
		at = func(raw []byte, i int) float32 { return float32(int8(raw[i])) }
	case U8, Bool:
		at = func(raw []byte, i int) float32 { return float32(raw[i]) }
	default:
		return nil
	}
	return func(out []float32, raw []byte) {
		for i := range out {
			out[i] = at(raw, i)
		}
	}
}
