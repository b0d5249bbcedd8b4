package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sftui/engine/run"
)

// Limits of what a page carries of one run. What is left out is counted.
const (
	maxMarks      = 400
	maxSamples    = 200
	maxSampleText = 8000 // characters
)

// mark is an event drawn on the curves.
type mark struct {
	Step int    `json:"step"`
	Kind string `json:"kind"` // change, checkpoint, nan, spike, warning, resumed
	Text string `json:"text"`
}

// sample is one generation of a run.
type sample struct {
	Step                    int
	Prompt, Text, Reference string
}

// collected is what a page needs of a run, gathered in one pass over its
// events.
type collected struct {
	run     *Run
	name    string
	status  run.Status
	state   run.State
	curves  map[string]*curve
	marks   []mark
	samples []sample
	// checkpoints are those that the events tell of, the newest of a step last.
	checkpoints []run.Event
	present     map[int]bool // steps whose checkpoint folder is still there

	marksLeft, samplesLeft int // left out
	first, last            time.Time
	smooth                 smoother
	parameters, trainable  int64
}

// collect reads a run.
func collect(r *Run, name string) (*collected, error) {
	c := &collected{run: r, name: name, curves: map[string]*curve{}, present: map[int]bool{}}
	if err := r.Each(func(e *run.Event) error { c.take(e); return nil }); err != nil {
		return nil, err
	}
	known, err := r.Status()
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", name, err)
	}
	c.state = known.State
	list, err := r.Checkpoints()
	if err != nil {
		return nil, err
	}
	for _, f := range list {
		c.present[f.Step] = true
	}
	c.addFolders(list)
	return c, nil
}

// addFolders adds the checkpoint folders that no event tells of: those of TRL.
func (c *collected) addFolders(list []run.Checkpoint) {
	for _, f := range list {
		if slices.ContainsFunc(c.checkpoints, func(e run.Event) bool { return e.Step == f.Step }) {
			continue
		}
		c.checkpoints = append(c.checkpoints, run.Event{Kind: run.KindCheckpoint, Step: f.Step, Path: f.Path, Time: f.Time})
		c.mark(f.Step, "checkpoint", fmt.Sprintf("checkpoint-%d", f.Step))
	}
	slices.SortStableFunc(c.checkpoints, func(a, b run.Event) int { return cmp.Compare(a.Step, b.Step) })
	slices.SortStableFunc(c.marks, func(a, b mark) int { return cmp.Compare(a.Step, b.Step) })
}

// take files one event.
func (c *collected) take(e *run.Event) {
	c.status.Apply(e)
	if !e.Time.IsZero() {
		if c.first.IsZero() {
			c.first = e.Time
		}
		c.last = e.Time
	}
	switch e.Kind {
	case run.KindStart:
		c.parameters, c.trainable = e.Parameters, e.Trainable
		if e.Resumed {
			c.mark(e.Step, "resumed", "resumed")
		}
	case run.KindStep:
		c.step(e)
	case run.KindEval:
		c.add("eval_loss", e.Step, float64(e.Loss))
		c.add("eval_accuracy", e.Step, float64(e.Accuracy))
	case run.KindMemory:
		c.memory(e)
	case run.KindSample:
		c.sample(e)
	case run.KindCheckpoint:
		c.checkpoints = append(c.checkpoints, *e)
		c.mark(e.Step, "checkpoint", fmt.Sprintf("checkpoint-%d", e.Step))
	case run.KindChange:
		if e.Phase != run.ChangeCompiling && e.Phase != run.ChangeRefused {
			c.mark(e.Step, "change", changeText(e))
		}
	case run.KindWarning:
		kind := "warning"
		if e.Code == run.CodeNaN || e.Code == run.CodeSpike {
			kind = string(e.Code)
		}
		c.mark(e.Step, kind, e.Message)
	}
}

func (c *collected) step(e *run.Event) {
	loss := float64(e.Loss)
	c.add("loss", e.Step, loss)
	c.add("loss_smooth", e.Step, c.smooth.next(loss))
	c.add("grad_norm", e.Step, float64(e.GradNorm))
	c.add("learning_rate", e.Step, float64(e.LearningRate))
	c.add("accuracy", e.Step, float64(e.Accuracy))
	if e.Seconds > 0 {
		c.add("step_seconds", e.Step, e.Seconds)
		c.add("tokens_per_second", e.Step, float64(e.TrainedTokens)/e.Seconds)
	}
	c.memory(e)
}

const bytesPerGiB = 1 << 30

func (c *collected) memory(e *run.Event) {
	if e.MemoryBytes == 0 {
		return
	}
	c.add("memory", e.Step, float64(e.MemoryBytes)/bytesPerGiB)
	if e.MemoryPeak > 0 {
		c.add("memory_peak", e.Step, float64(e.MemoryPeak)/bytesPerGiB)
	}
}

func (c *collected) add(name string, step int, value float64) {
	if c.curves[name] == nil {
		c.curves[name] = &curve{}
	}
	c.curves[name].add(step, value)
}

func (c *collected) mark(step int, kind, text string) {
	if len(c.marks) >= maxMarks {
		c.marksLeft++
		return
	}
	c.marks = append(c.marks, mark{Step: step, Kind: kind, Text: shorten(text, 300)})
}

// sample keeps the newest samples; the first ones, which tell what the model
// said before, stay too.
func (c *collected) sample(e *run.Event) {
	s := sample{Step: e.Step, Prompt: shorten(e.Prompt, maxSampleText), Text: shorten(e.Text, maxSampleText), Reference: shorten(e.Reference, maxSampleText)}
	if len(c.samples) >= maxSamples {
		c.samples = slices.Delete(c.samples, maxSamples/4, maxSamples/4+1)
		c.samplesLeft++
	}
	c.samples = append(c.samples, s)
}

// changeText says what a live change set.
func changeText(e *run.Event) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(e.Changes)) {
		parts = append(parts, key+"="+e.Changes[key])
	}
	text := strings.Join(parts, " ")
	if e.Phase != "" {
		text = strings.TrimSpace(e.Phase + " " + text)
	}
	if text == "" {
		text = e.Message
	}
	return text
}

// shorten cuts text to n characters and says so.
func shorten(text string, n int) string {
	for i := range text {
		if n--; n < 0 {
			return text[:i] + "…"
		}
	}
	return text
}

// drawn are the curves worth drawing: those with a finite value, and beside
// the losses those that are not zero throughout, which means "not recorded".
func (c *collected) drawn() map[string]*curve {
	out := map[string]*curve{}
	for name, curve := range c.curves {
		if curve.finite && (curve.nonzero || strings.Contains(name, "loss")) {
			out[name] = curve
		}
	}
	return out
}
