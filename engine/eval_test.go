package engine

import (
	"fmt"
	"math"
	"testing"

	"sftui/engine/compute"
	"sftui/engine/run"
	"sftui/recipes"
)

// TestExtremes takes the worst and the best of many rows.
func TestExtremes(t *testing.T) {
	var list []rowLoss
	for i := range 40 {
		list = append(list, rowLoss{i, run.Number(i * 7 % 40)})
	}
	list[3].loss = run.Number(math.NaN())
	rows, losses := extremes(list)
	if got := fmt.Sprint(losses); got != "[NaN 39 38 37 36 4 3 2 1 0]" || rows[0] != 3 || rows[9] != 0 {
		t.Errorf("rows %v, losses %s", rows, got)
	}
	if rows, losses := extremes(nil); rows != nil || losses != nil {
		t.Errorf("of nothing: %v %v", rows, losses)
	}
}

// TestRowLosses leaves out rows without trained tokens, and all where a batch holds pieces of rows.
func TestRowLosses(t *testing.T) {
	m := compute.Micro{RowLossSum: []float64{6, 0, 5}, RowTrained: []int64{3, 0, 1}}
	list := appendRowLosses(nil, compute.Batch{Rows: [][]int{{8, 9}, {4}}}, m)
	if fmt.Sprint(list) != "[{8 2} {4 5}]" {
		t.Errorf("got %v", list)
	}
	if list := appendRowLosses(nil, compute.Batch{Rows: [][]int{{8, 9}, {9, 4}}}, m); list != nil {
		t.Errorf("pieces of rows: %v", list)
	}
}

// TestMetricForBestModel refuses what is not measured where something chooses by it.
func TestMetricForBestModel(t *testing.T) {
	for _, c := range []struct {
		options []string
		want    metric
		ok      bool
	}{
		{nil, metric{}, true},
		{[]string{"metric_for_best_model=eval_mean_token_accuracy", "load_best_model_at_end=true"}, metric{accuracy: true, greater: true}, true},
		{[]string{"metric_for_best_model=entropy"}, metric{}, true},
		{[]string{"metric_for_best_model=entropy", "save_strategy=best"}, metric{}, false},
		{[]string{"metric_for_best_model=eval_runtime", "lr_scheduler_type=reduce_lr_on_plateau"}, metric{}, false},
	} {
		r := recipes.Default()
		if err := r.Override(c.options); err != nil {
			t.Fatal(err)
		}
		if got, err := newMetric(r); got != c.want || (err == nil) != c.ok {
			t.Errorf("%v: %+v (%v)", c.options, got, err)
		}
	}
}
