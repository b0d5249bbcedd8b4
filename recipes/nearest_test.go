package recipes

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestTypos mutates valid keys by one edit each and asks whether the right key is named.
func TestTypos(t *testing.T) {
	for seed := range uint64(5) {
		typos(t, rand.New(rand.NewPCG(20261123, seed)))
	}
}

// typos tries 600 mutations.
func typos(t *testing.T, rng *rand.Rand) {
	t.Helper()
	const letters = "abcdefghijklmnopqrstuvwxyz_0123456789-ABCXYZ"
	keys := Keys()
	known := optionTable().byKey
	tried, caught, named := 0, 0, 0
	for tried < 600 {
		key := keys[rng.IntN(len(keys))]
		b := []byte(key)
		i := rng.IntN(len(b))
		switch rng.IntN(4) {
		case 0:
			b[i] = letters[rng.IntN(len(letters))]
		case 1:
			b = append(b[:i], b[i+1:]...)
		case 2:
			b = append(b[:i], append([]byte{letters[rng.IntN(len(letters))]}, b[i:]...)...)
		default:
			if i+1 < len(b) {
				b[i], b[i+1] = b[i+1], b[i]
			}
		}
		word := string(b)
		if _, old := oldName(word); old || known[word] != nil {
			continue // the edit made another valid name
		}
		tried++
		_, err := Parse("r.yaml", []byte("\n"+word+": 1\n"))
		var e *Error
		if errors.As(err, &e) && e.Line == 2 && e.Key == word {
			caught++
		}
		if err != nil && strings.Contains(err.Error(), `"`+key+`"`) {
			named++
		} else {
			t.Logf("%s (from %s): %v", word, key, err)
		}
	}
	if caught != tried {
		t.Errorf("caught %d of %d", caught, tried)
	}
	if named*100 < tried*97 {
		t.Errorf("named the right key for %d of %d", named, tried)
	}
}

func TestEditDistance(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"ab", "ba", 1}, {"seed", "seeds", 1}, {"max_steps", "max_stesp", 1}, {"kitten", "sitting", 3}, {"学习率", "学习", 1}}
	for _, tt := range tests {
		if got := editDistance(tt.a, tt.b); got != tt.want {
			t.Errorf("editDistance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
