package engine

import (
	"encoding/binary"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sftui/engine/run"
	"sftui/engine/weights"
)

// everyStep poisons steps 1 to n.
func everyStep(n int) map[int]bool {
	p := map[int]bool{}
	for i := range n {
		p[i+1] = true
	}
	return p
}

// A run in which no step can be taken has not finished, whatever nan_policy says.
func TestNothingLearned(t *testing.T) {
	f := newFixture(t, 20)
	fake := newFake()
	fake.poison = everyStep(10)
	res, err := train(t, f, fake, nil, "nan_policy=skip", "num_train_epochs=2")
	const want = "no step had a finite loss and gradient, so all 10 were left out and the model is as it was; a lower learning_rate or max_grad_norm may avoid it"
	if err == nil || err.Error() != want || res.State != run.Failed {
		t.Errorf("%v %v, want %s", res.State, err, want)
	}
	// One step that can be taken is enough.
	fake = newFake()
	fake.poison = everyStep(9)
	if res, err = train(t, f, fake, nil, "nan_policy=skip", "num_train_epochs=2"); err != nil || res.State != run.Finished {
		t.Errorf("%v %v", res.State, err)
	}
	// Steps that were left out to the very end are summed up.
	fake = newFake()
	fake.poison = everyStep(10)
	delete(fake.poison, 4)
	if res, err = train(t, f, fake, nil, "nan_policy=skip", "num_train_epochs=2"); err != nil || res.State != run.Finished {
		t.Errorf("%v %v", res.State, err)
	}
	if all := eventsOf(t, res.Dir); !slices.ContainsFunc(all, func(e run.Event) bool {
		return e.Code == run.CodeNaN && strings.Contains(e.Message, "each of the last 6 steps was left out, so the model is as step 4 left it")
	}) {
		t.Error("nothing says that the model is older than the run")
	}
	// Long before the end of a long run it is clear that single rows are not at fault.
	fake = newFake()
	fake.poison = everyStep(400)
	delete(fake.poison, 3)
	res, err = train(t, f, fake, nil, "nan_policy=skip", "max_steps=300")
	if err == nil || !strings.Contains(err.Error(), "the loss of step 53 is NaN, and so is that of each of the 49 steps before it") {
		t.Errorf("%v %v", res.State, err)
	}
	if all := steps(t, res.Dir); len(all) != 52 { // the one that ends the run is in the warning
		t.Errorf("%d steps", len(all))
	}
}

// A weight that is not finite in the model's own files is named: neither rows
// nor the learning rate are at fault then.
func TestNotFiniteWeightIsNamed(t *testing.T) {
	f := newFixture(t, 20)
	values := []float32{1, 2, float32(math.Inf(-1)), 4}
	raw := make([]byte, 0, 16)
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	write := func(yield func(weights.Tensor, func() ([]byte, error)) bool) {
		_ = yield(weights.Tensor{Name: "model.good.weight", DType: "F32", Shape: []int{2}}, func() ([]byte, error) { return raw[:8], nil }) &&
			yield(weights.Tensor{Name: "model.bad.weight", DType: "F32", Shape: []int{4}}, func() ([]byte, error) { return raw, nil })
	}
	if err := weights.WriteSafetensorsFile(filepath.Join(f.model, "model.safetensors"), write, nil); err != nil {
		t.Fatal(err)
	}
	for _, policy := range []string{"stop", "skip"} {
		fake, dir := newFake(), filepath.Join(t.TempDir(), "run")
		fake.poison = everyStep(3)
		_, err := train(t, f, fake, func(o *TrainOptions) { o.RunDir = dir }, "max_steps=3", "nan_policy="+policy)
		if err == nil || !strings.Contains(err.Error(), "the model's weight model.bad.weight has values that are not finite: get its files again") {
			t.Errorf("%s: %v", policy, err)
		}
		w := warnings(t, dir, run.CodeNaN)
		if len(w) == 0 || len(w[0].RowIDs) == 0 || !strings.Contains(w[0].Message, "its weight model.bad.weight") {
			t.Errorf("%s: %+v", policy, w)
		}
	}
}
