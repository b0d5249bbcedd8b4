package weights

import (
	"encoding/binary"
	"math"
	"math/big"
	"testing"
)

// nearestHalf finds the half nearest to x, ties to the even pattern, by comparing with both neighbours exactly.
func nearestHalf(x float32) uint16 {
	best, bestDistance := uint16(0), new(big.Float).SetInf(false)
	target := big.NewFloat(float64(x))
	for h := 0; h < 0x7c00; h++ {
		bits := uint16(h)
		if math.Signbit(float64(x)) {
			bits |= 0x8000
		}
		d := new(big.Float).Sub(big.NewFloat(float64(Float16ToFloat32(bits))), target)
		d.Abs(d)
		if c := d.Cmp(bestDistance); c < 0 || c == 0 && bits&1 == 0 {
			best, bestDistance = bits, d
		}
	}
	return best
}

func TestFloat16RoundTripsEveryValue(t *testing.T) {
	for h := 0; h <= 0xffff; h++ {
		x := Float16ToFloat32(uint16(h))
		back := Float32ToFloat16(x)
		if math.IsNaN(float64(x)) {
			if !math.IsNaN(float64(Float16ToFloat32(back))) {
				t.Fatalf("%#04x: NaN became %#04x", h, back)
			}
			continue
		}
		if back != uint16(h) {
			t.Fatalf("%#04x → %g → %#04x", h, x, back)
		}
	}
}

func TestFloat32ToFloat16RoundsToNearestEven(t *testing.T) {
	for _, x := range []float32{0.1, -0.1, 1.0009766, 1.0004883, 1.0014648, 65504, 5.9604645e-8, 2.9802322e-8, 2.9802326e-8,
		8.940697e-8, 6.1035156e-5, 6.097555e-5, 6.1005353e-5, -3.1415927, 1000.25, 2049, 2051, float32(math.Copysign(0, -1))} {
		if got, want := Float32ToFloat16(x), nearestHalf(x); got != want {
			t.Errorf("%g: %#04x, want %#04x", x, got, want)
		}
	}
	for x, want := range map[float32]uint16{65519.996: 0x7bff, 65520: 0x7c00, -70000: 0xfc00, float32(math.Inf(1)): 0x7c00} {
		if got := Float32ToFloat16(x); got != want {
			t.Errorf("%g: %#04x, want %#04x", x, got, want)
		}
	}
}

func TestBFloat16RoundsToNearestEven(t *testing.T) {
	for bits, want := range map[uint32]uint16{
		0x3f800000: 0x3f80, // 1
		0x3f808000: 0x3f80, // a tie, down to even
		0x3f818000: 0x3f82, // a tie, up to even
		0x3f808001: 0x3f81, 0x3f807fff: 0x3f80,
		0x7f7fffff: 0x7f80, // the largest float32 rounds to infinity
		0xff800000: 0xff80, 0x80000000: 0x8000, 0x00000001: 0x0000,
		0x7f800001: 0x7fc0, 0xffc12345: 0xffc1, // NaN
	} {
		if got := Float32ToBFloat16(math.Float32frombits(bits)); got != want {
			t.Errorf("%#08x: %#04x, want %#04x", bits, got, want)
		}
	}
	for b := 0; b <= 0xffff; b++ {
		x := BFloat16ToFloat32(uint16(b))
		if back := Float32ToBFloat16(x); back != uint16(b) && !math.IsNaN(float64(x)) {
			t.Fatalf("%#04x → %g → %#04x", b, x, back)
		}
	}
}

func TestDecodeFloat32(t *testing.T) {
	for _, test := range []struct {
		dtype string
		raw   []byte
		want  []float32
	}{
		{F32, []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0}, []float32{1, -2}},
		{F64, binary.LittleEndian.AppendUint64(nil, math.Float64bits(-0.5)), []float32{-0.5}},
		{I8, []byte{0xff, 7}, []float32{-1, 7}}, {U8, []byte{0xff}, []float32{255}}, {Bool, []byte{1, 0}, []float32{1, 0}},
		{I16, []byte{0xfe, 0xff}, []float32{-2}}, {"U16", []byte{0xfe, 0xff}, []float32{65534}},
		{I32, []byte{0xfd, 0xff, 0xff, 0xff}, []float32{-3}}, {"U32", []byte{5, 0, 0, 0}, []float32{5}},
		{I64, []byte{0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, []float32{-4}}, {"U64", []byte{6, 0, 0, 0, 0, 0, 0, 0}, []float32{6}},
	} {
		got, err := DecodeFloat32(test.raw, test.dtype)
		if err != nil || len(got) != len(test.want) {
			t.Fatalf("%s: %v, %v", test.dtype, got, err)
		}
		for i := range got {
			if got[i] != test.want[i] {
				t.Errorf("%s[%d] = %g, want %g", test.dtype, i, got[i], test.want[i])
			}
		}
	}
	for _, bad := range []struct {
		dtype string
		raw   []byte
	}{{F32, make([]byte, 6)}, {"F8_E4M3", make([]byte, 2)}, {"Q4", nil}} {
		if _, err := DecodeFloat32(bad.raw, bad.dtype); err == nil {
			t.Errorf("%s of %d bytes was accepted", bad.dtype, len(bad.raw))
		}
	}
}

func TestEncodeFloat32RoundTrip(t *testing.T) {
	values := []float32{0, 1, -1.5, 0.25, 1024}
	for _, dtype := range []string{F32, F16, BF16} {
		raw, err := EncodeFloat32(values, dtype)
		if err != nil {
			t.Fatal(err)
		}
		back, err := DecodeFloat32(raw, dtype)
		if err != nil {
			t.Fatal(err)
		}
		for i := range values {
			if back[i] != values[i] {
				t.Errorf("%s: %g became %g", dtype, values[i], back[i])
			}
		}
	}
	if _, err := EncodeFloat32(values, I8); err == nil {
		t.Error("I8 was accepted")
	}
}
