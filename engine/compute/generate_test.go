package compute

import (
	"context"
	"slices"
	"testing"

	"sftui/engine/device"
)

// TestGenerateFollowsLogits compares the cache with passes over the whole sequence, across chunk borders.
func TestGenerateFollowsLogits(t *testing.T) {
	for name, change := range architectures() {
		t.Run(name, func(t *testing.T) {
			followsLogits(t, openSession(t, Config{ModelDir: tinyModel(t, change), Inference: true}))
		})
	}
}

// TestGenerateInPureGo does the same without a plugin, where the cache is written in another way.
func TestGenerateInPureGo(t *testing.T) {
	d, err := device.Open(context.Background(), device.Go, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	s, err := Open(d, Config{ModelDir: tinyModel(t, nil), Inference: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	followsLogits(t, s)
}

// TestGenerateBeyondPositions goes on where transformers' generate does, for prompts on either side of the end.
func TestGenerateBeyondPositions(t *testing.T) {
	short := func(config map[string]any) { config["max_position_embeddings"] = 65 }
	followsLogits(t, openSession(t, Config{ModelDir: tinyModel(t, short), Inference: true}))
}

// followsLogits checks that each generated token is the likeliest after those before it.
func followsLogits(t *testing.T, s *Session) {
	t.Helper()
	for _, n := range []int{1, 63, 70} {
		prompt := unevenBatch(uint64(n), n).InputIDs[0]
		var got []int32
		err := s.Generate(context.Background(), prompt, GenerateOptions{MaxNewTokens: 6}, func(id int32) { got = append(got, id) })
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 6 {
			t.Fatalf("prompt of %d: %d tokens were made, want 6", n, len(got))
		}
		logits, err := s.Logits(append(slices.Clone(prompt), got...))
		if err != nil {
			t.Fatal(err)
		}
		for i, id := range got {
			row := logits[n-1+i]
			if row[id] < slices.Max(row)-1e-5 {
				t.Fatalf("prompt of %d: token %d is %d, whose logit %g is below the best %g", n, i, id, row[id], slices.Max(row))
			}
		}
	}
}
