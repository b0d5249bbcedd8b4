package engine

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
)

// Of two processes that go on with a run at once, the second is refused while the first still reads its data: both would
// write into the same files.
func TestResumedTwiceAtOnce(t *testing.T) {
	f := newFixture(t, 20)
	dir := filepath.Join(t.TempDir(), "run")
	options := []string{"save_strategy=steps", "save_steps=2"}
	fake := newFake()
	fake.failAt = 4
	into := func(o *TrainOptions) { o.RunDir = dir }
	if _, err := train(t, f, fake, into, options...); err == nil {
		t.Fatal("it did not fail")
	}
	reading := 0
	_, err := train(t, f, newFake(), func(o *TrainOptions) {
		into(o)
		o.Resume = true
		o.Host.ResolveModel = func(context.Context, string, string) (string, error) {
			reading++
			for _, resume := range []bool{true, false} {
				_, err := train(t, f, newFake(), func(o *TrainOptions) { o.RunDir, o.Resume = dir, resume }, options...)
				if err == nil || !strings.Contains(err.Error(), "is being opened by another sftui process") {
					t.Errorf("resume %v: got %v", resume, err)
				}
			}
			return f.model, nil
		}
	}, options...)
	if err != nil || reading == 0 {
		t.Fatal(err, reading)
	}
	steps(t, dir) // fails where one is twice
}
