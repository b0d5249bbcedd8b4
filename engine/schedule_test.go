package engine

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"
)

// TestScheduleEqualsTransformers compares every schedule with the learning
// rates that transformers' get_scheduler gave, two steps past the end included.
func TestScheduleEqualsTransformers(t *testing.T) {
	data, err := os.ReadFile("testdata/schedules.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []struct {
			Name         string         `json:"name"`
			LearningRate float64        `json:"learning_rate"`
			WarmupSteps  float64        `json:"warmup_steps"`
			Total        int            `json:"total"`
			Kwargs       map[string]any `json:"kwargs"`
			Every        int            `json:"every"` // steps between two of the rates, 0 for 1
			LRs          []float64      `json:"lrs"`
		} `json:"cases"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, c := range file.Cases {
		seen[c.Name] = true
		s, err := newSchedule(c.Name, c.LearningRate, warmupSteps(c.WarmupSteps, c.Total), c.Total, c.Kwargs)
		if err != nil {
			t.Errorf("%s %v: %v", c.Name, c.Kwargs, err)
			continue
		}
		for i, want := range c.LRs {
			if got := s.at(float64(i * max(1, c.Every))); math.Abs(got-want) > 1e-15*c.LearningRate*10 {
				t.Errorf("%s %v warm-up %v of %d: step %d: got %v, want %v", c.Name, c.Kwargs, c.WarmupSteps, c.Total, i*max(1, c.Every), got, want)
			}
		}
	}
	for _, name := range scheduleNames() {
		if !seen[name] && !isAdaptive(name) {
			t.Errorf("no case for %s", name)
		}
	}
}

// TestAdaptiveSchedulesEqualTheirs compares the schedules that follow the
// evaluations with torch's and transformers', through a checkpoint's state.
func TestAdaptiveSchedulesEqualTheirs(t *testing.T) {
	data, err := os.ReadFile("testdata/adaptive_schedules.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []struct {
			Name         string         `json:"name"`
			LearningRate float64        `json:"learning_rate"`
			Kwargs       map[string]any `json:"kwargs"`
			Metrics      []float64      `json:"metrics"`
			LRs          []float64      `json:"lrs"`
		} `json:"cases"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	for _, c := range file.Cases {
		s, err := newSchedule(c.Name, c.LearningRate, 0, len(c.Metrics), c.Kwargs)
		if err != nil {
			t.Fatal(err)
		}
		for i, metric := range c.Metrics {
			if i == 70 {
				saved, err := json.Marshal(s.state())
				if err != nil {
					t.Fatal(err)
				}
				var state adaptiveState
				if err := json.Unmarshal(saved, &state); err != nil {
					t.Fatal(err)
				}
				if s, err = newSchedule(c.Name, c.LearningRate, 0, len(c.Metrics), c.Kwargs); err != nil {
					t.Fatal(err)
				}
				s.restore(&state)
			}
			s.observe(metric)
			if got := s.at(float64(i)); math.Abs(got-c.LRs[i]) > 1e-15 {
				t.Fatalf("%s %v: after evaluation %d: got %v, want %v", c.Name, c.Kwargs, i, got, c.LRs[i])
			}
		}
	}
}

// What is as good as the threshold asks is no improvement, in each direction
// and kind of threshold, as in torch.
func TestAdaptiveThreshold(t *testing.T) {
	best := 2.0
	for _, c := range []struct {
		maximize, relative bool
		edge               float64 // the last metric that is not better
	}{
		{false, true, 1}, {false, false, 1.5}, {true, true, 3}, {true, false, 2.5},
	} {
		a := adaptive{maximize: c.maximize, relative: c.relative, threshold: 0.5, state: adaptiveState{Best: &best}}
		beyond := math.Nextafter(c.edge, math.Inf(-1))
		if c.maximize {
			beyond = math.Nextafter(c.edge, math.Inf(1))
		}
		if a.better(c.edge) || !a.better(beyond) {
			t.Errorf("maximize %t, relative %t: %v is better: %t, %v is better: %t", c.maximize, c.relative, c.edge, a.better(c.edge), beyond, a.better(beyond))
		}
	}
}

// A rate moves only by more than eps.
func TestAdaptiveSmallestChange(t *testing.T) {
	best := 1.0
	for least, want := range map[float64]float64{0.5: 0.5, 0.25: 1} {
		a := adaptive{greedy: true, factor: 0.5, high: 4, least: least, state: adaptiveState{Rate: 0.5, Best: &best}}
		if a.observe(0); a.state.Rate != want {
			t.Errorf("eps %v: a rate of 0.5 is raised to %v, want %v", least, a.state.Rate, want)
		}
	}
}

func TestScheduleRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		kwargs map[string]any
		want   string
	}{
		{"step", nil, "use one of"},
		{"greedy", map[string]any{"factor": 1.0}, "factor must be"},
		{"reduce_lr_on_plateau", map[string]any{"verbose": true}, `no option "verbose"`},
		{"reduce_lr_on_plateau", map[string]any{"mode": "least"}, "mode must be one of"},
		{"cosine_with_min_lr", nil, "needs min_lr or min_lr_rate"},
		{"cosine_with_min_lr", map[string]any{"min_lr": 1e-6, "min_lr_rate": 0.1}, "only one of"},
		{"cosine", map[string]any{"cycles": 1.0}, `no option "cycles"`},
		{"cosine", map[string]any{"num_cycles": "two"}, "must be a number"},
		{"polynomial", map[string]any{"lr_end": 1.0}, "smaller than learning_rate"},
		{"warmup_stable_decay", nil, "needs num_decay_steps"},
		{"warmup_stable_decay", map[string]any{"num_decay_steps": 2.0, "decay_type": "steep"}, "decay_type must be one of"},
	} {
		_, err := newSchedule(c.name, 2e-5, 2, 10, c.kwargs)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %v: got %v, want an error with %q", c.name, c.kwargs, err, c.want)
		}
	}
}

func TestWarmupSteps(t *testing.T) {
	for _, c := range []struct {
		option      float64
		total, want int
	}{
		{0, 100, 0}, {10, 100, 10}, {0.03, 101, 4}, {0.1, 15, 2}, {1, 100, 1}, {2.9, 10, 2},
	} {
		if got := warmupSteps(c.option, c.total); got != c.want {
			t.Errorf("warmup_steps %v of %d: %d, want %d", c.option, c.total, got, c.want)
		}
	}
}
