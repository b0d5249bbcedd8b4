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

// A run that was refused before its first step does not keep its folder from the
// one that its author starts next; a run that did something does.
func TestStartedAgainAfterARefusal(t *testing.T) {
	f := newFixture(t, 20)
	dir := filepath.Join(t.TempDir(), "run")
	into := func(o *TrainOptions) { o.RunDir = dir }
	heavy := newFake()
	heavy.memory = 1 << 41 // of 2^40
	if _, err := train(t, f, heavy, into); err == nil || !strings.Contains(err.Error(), "lower per_device_train_batch_size or max_length, or turn on use_peft (") {
		t.Fatalf("got %v", err)
	}
	res, err := train(t, f, newFake(), into)
	if err != nil {
		t.Fatal(err)
	}
	if done := len(steps(t, dir)); done != res.Status.TotalSteps {
		t.Errorf("%d steps of %d", done, res.Status.TotalSteps)
	}
	if _, err := train(t, f, newFake(), into); err == nil || !strings.Contains(err.Error(), "holds a run already") {
		t.Errorf("got %v", err)
	}
}
