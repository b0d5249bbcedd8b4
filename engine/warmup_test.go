package engine

import "testing"

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 9: "9 B", 999: "999 B", 1000: "1.0 kB", 9940: "9.9 kB", 10_000: "10 kB", 540e6: "540 MB", 1e9: "1.0 GB", 12e15: "12 PB", 3e18: "3000 PB",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("%d bytes are %q, want %q", n, got, want)
		}
	}
}
