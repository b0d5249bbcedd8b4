package engine

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sftui/engine/run"
	"sftui/engine/weights"
	"sftui/recipes"
)

// trlRecipe is one entry of testdata/trl_recipes.json, which bench/trl_recipes.py made.
type trlRecipe struct {
	About    string          `json:"about"`
	Model    string          `json:"model"`
	Source   string          `json:"source"`
	Rows     []int           `json:"rows"`
	EvalRows []int           `json:"eval_rows"`
	Recipe   json.RawMessage `json:"recipe"`
	TRL      struct {
		Steps []struct {
			Loss     float64 `json:"loss"`
			GradNorm float64 `json:"grad_norm"`
			Rate     float64 `json:"learning_rate"`
			Accuracy float64 `json:"mean_token_accuracy"`
			Tokens   float64 `json:"num_tokens"`
		} `json:"steps"`
		Evals []struct {
			Step     int     `json:"step"`
			Loss     float64 `json:"loss"`
			Accuracy float64 `json:"mean_token_accuracy"`
		} `json:"evals"`
		Checkpoints []string `json:"checkpoints"`
		Moved       float64  `json:"moved"`
	} `json:"trl"`
}

// TestRecipesTrainAsInTRL runs whole recipes: data, order, optimizer, schedule,
// evaluation and checkpoints together.
func TestRecipesTrainAsInTRL(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles three models")
	}
	reference := os.Getenv("SFTUI_REFERENCE")
	if reference == "" || os.Getenv("PJRT_PLUGIN_LIBRARY_PATH") == "" {
		t.Skip("SFTUI_REFERENCE or PJRT_PLUGIN_LIBRARY_PATH is not set")
	}
	data, err := os.ReadFile("testdata/trl_recipes.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []trlRecipe
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.About, func(t *testing.T) {
			res, err := Train(context.Background(), TrainOptions{Recipe: c.load(t, reference), RunDir: filepath.Join(t.TempDir(), "run"), Host: Host{
				ResolveModel: func(_ context.Context, dir, _ string) (string, error) { return dir, nil },
			}})
			if err != nil || res.State != run.Finished {
				t.Fatalf("%v %v", res.State, err)
			}
			c.compare(t, res.Dir, filepath.Join(reference, "models", c.Model))
		})
	}
}

// load writes the entry's rows to files and reads its recipe, which is YAML too.
func (c *trlRecipe) load(t *testing.T, reference string) *recipes.Recipe {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(reference, "data", c.Source+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(source)), "\n")
	dir := t.TempDir()
	write := func(name string, rows []int) string {
		var b strings.Builder
		for _, row := range rows {
			b.WriteString(lines[row] + "\n")
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	path := filepath.Join(dir, "recipe.yaml")
	if err := os.WriteFile(path, c.Recipe, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := recipes.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	more := []string{"model_name_or_path=" + filepath.Join(reference, "models", c.Model), "dataset_name=" + write("rows.jsonl", c.Rows), "bf16=false", "use_cpu=true", "sample_prompts=null", "sample_max_new_tokens=1"}
	if c.EvalRows != nil {
		more = append(more, "eval_dataset_name="+write("eval.jsonl", c.EvalRows))
	}
	if r.ChatTemplatePath != "" {
		more = append(more, "chat_template_path="+filepath.Join(reference, "data", r.ChatTemplatePath))
	}
	if err := r.Override(more); err != nil {
		t.Fatal(err)
	}
	return r
}

func (c *trlRecipe) compare(t *testing.T, dir, model string) {
	t.Helper()
	near := func(what string, at int, got, want, tolerance float64) {
		if math.Abs(got-want) > tolerance*math.Max(math.Abs(want), 1e-12) {
			t.Errorf("step %d: %s %.8g, TRL %.8g", at, what, got, want)
		}
	}
	all := steps(t, dir)
	if len(all) != len(c.TRL.Steps) {
		t.Fatalf("%d steps, TRL made %d", len(all), len(c.TRL.Steps))
	}
	tokens := 0.0
	for i, want := range c.TRL.Steps {
		got := all[i]
		tokens += float64(got.Tokens)
		if got.TrainedTokens > 0 { // TRL logs a loss of 0 where there is none
			near("loss", i+1, float64(got.Loss), want.Loss, 1e-5)
		} else if got.Loss.Finite() || want.Loss != 0 {
			t.Errorf("step %d: loss %v of no token, TRL %v", i+1, got.Loss, want.Loss)
		}
		near("grad norm", i+1, float64(got.GradNorm), want.GradNorm, 1e-3)
		near("learning rate", i+1, float64(got.LearningRate), want.Rate, 1e-6)
		near("accuracy", i+1, float64(got.Accuracy), want.Accuracy, 1e-5)
		if tokens != want.Tokens {
			t.Errorf("step %d: %.0f tokens so far, TRL %.0f", i+1, tokens, want.Tokens)
		}
	}
	evals := evaluations(t, dir)
	if len(evals) != len(c.TRL.Evals) {
		t.Fatalf("%d evaluations, TRL made %d", len(evals), len(c.TRL.Evals))
	}
	for i, want := range c.TRL.Evals {
		if evals[i].Step != want.Step {
			t.Errorf("evaluation after step %d, TRL after %d", evals[i].Step, want.Step)
		}
		near("evaluation loss", want.Step, float64(evals[i].Loss), want.Loss, 1e-5)
		near("evaluation accuracy", want.Step, float64(evals[i].Accuracy), want.Accuracy, 1e-5)
	}
	checkpoints, err := filepath.Glob(filepath.Join(dir, run.CheckpointPrefix+"*"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range checkpoints {
		checkpoints[i] = filepath.Base(checkpoints[i])
	}
	if slices.Sort(checkpoints); !slices.Equal(checkpoints, c.TRL.Checkpoints) {
		t.Errorf("checkpoints %v, TRL keeps %v", checkpoints, c.TRL.Checkpoints)
	}
	near("distance of the final model from the first", len(all), distance(t, filepath.Join(dir, run.ModelDir), model), c.TRL.Moved, 1e-3)
}

// distance is the L2 norm of the difference of all weights of two models.
func distance(t *testing.T, a, b string) float64 {
	t.Helper()
	var open [2]*weights.Checkpoint
	for i, dir := range []string{a, b} {
		c, err := weights.OpenSafetensors(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		open[i] = c
	}
	sum := 0.0
	for _, name := range open[0].Names() {
		x, err := open[0].Float32(name)
		if err != nil {
			t.Fatal(err)
		}
		y, err := open[1].Float32(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := range x {
			d := float64(x[i]) - float64(y[i])
			sum += d * d
		}
	}
	return math.Sqrt(sum)
}
