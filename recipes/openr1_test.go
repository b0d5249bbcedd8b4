package recipes

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestOpenR1Like loads recipes with open-r1's keys, old and new, unchanged; with
// SFTUI_OPENR1 set to a folder of open-r1's own recipes it loads those too.
func TestOpenR1Like(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "openr1", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no test recipes: %v", err)
	}
	if dir := os.Getenv("SFTUI_OPENR1"); dir != "" {
		more, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, more...)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			r, err := Load(f)
			if err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(r.YAML(), data) {
				t.Error("YAML without an edit differs from the file")
			}
			again, err := Parse("effective", r.Effective())
			if err != nil {
				t.Fatal(err)
			}
			if d := Diff(r, again); len(d) > 0 {
				t.Errorf("the effective recipe differs: %v", d)
			}
			for _, k := range Keys() {
				_, a := r.Get(k)
				if _, b := again.Get(k); a != b {
					t.Errorf("origin of %s: %v, read again %v", k, a, b)
				}
			}
		})
	}
}

func TestDistillRecipeValues(t *testing.T) {
	r, err := Load(filepath.Join("testdata", "openr1", "distill.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	m := r.DatasetMixture
	if m == nil || len(m.Datasets) != 2 || m.Seed != 7 || *m.TestSplitSize != 0.01 {
		t.Fatalf("mixture %+v", m)
	}
	d := m.Datasets[1]
	if d.ID != "example/code-traces" || d.Split != "train" || len(d.Columns) != 1 || *d.Weight != 0.5 {
		t.Errorf("data set %+v", d)
	}
	if r.Dtype != "bfloat16" || *r.MaxLength != 32768 || r.WarmupSteps != 0.03 || r.LearningRate != 4e-5 {
		t.Errorf("values: %v %v %v %v", r.Dtype, *r.MaxLength, r.WarmupSteps, r.LearningRate)
	}
	if v, ok := r.LrSchedulerKwargs["min_lr_rate"].(float64); !ok || v != 0.1 {
		t.Errorf("min_lr_rate %v", r.LrSchedulerKwargs)
	}
	if len(r.Notes()) != 3 { // torch_dtype, overwrite_output_dir, warmup_ratio
		t.Errorf("notes %+v", r.Notes())
	}
	if !r.HasEvalData() || r.ReportTo[0] != "wandb" {
		t.Error("eval data or report_to")
	}
}
