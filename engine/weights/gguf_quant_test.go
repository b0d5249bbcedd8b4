package weights

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"testing"
)

// TestDequantize compares blocks of random bits with what the reference Python package of the format makes of them.
func TestDequantize(t *testing.T) {
	text, err := os.ReadFile("testdata/dequantized.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases map[string]struct{ Raw, Want []byte }
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	tested := map[string]bool{}
	for _, q := range quantizations {
		c, ok := cases[q.name]
		if !ok {
			continue
		}
		tested[q.name] = true
		out := make([]float32, len(c.Want)/4)
		if len(c.Raw)/q.bytes*q.block != len(out) {
			t.Fatalf("%s: %d bytes for %d elements", q.name, len(c.Raw), len(out))
		}
		if err := q.dequantize(out, c.Raw); err != nil {
			t.Fatal(err)
		}
		for i := range out {
			want := math.Float32frombits(binary.LittleEndian.Uint32(c.Want[4*i:]))
			if out[i] != want {
				t.Errorf("%s[%d] = %g, want %g", q.name, i, out[i], want)
				break
			}
		}
	}
	if len(tested) != len(cases) {
		t.Errorf("only %d of %d types were tested", len(tested), len(cases))
	}
	if err := quantizations[29].dequantize(make([]float32, 256), make([]byte, 56)); err == nil {
		t.Error("IQ1_M was accepted")
	}
}
