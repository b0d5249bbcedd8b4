package compute

import (
	"fmt"
	"testing"

	"sftui/engine/model"
)

// cudnnPlan is cuDNN's answer for attention of 2 rows of 1,024 positions.
type cudnnPlan struct {
	Capability        string
	Heads             int
	KVHeads           int `json:"kv_heads"`
	Dim               int
	Documents         int    // sequences a row
	Window            int    // 0 for none
	Forward, Backward *int64 // bytes of workspace, nil where there is no plan
}

// TestCuDNNTakesOurCalls holds the choice of attention and the size of its workspace to cuDNN's own answers: 9.26 was asked
// for plans of the graphs that XLA's cuda_dnn.cc builds of our calls, by descriptions of these GPUs, with their kernels
// compiled.
func TestCuDNNTakesOurCalls(t *testing.T) {
	var plans []cudnnPlan
	readJSON(t, "testdata/cudnn_plans.json", &plans)
	chosen := map[attention]int{}
	for _, p := range plans {
		f := Fused{Has: true}
		if _, err := fmt.Sscanf(p.Capability, "%d.%d", &f.Major, &f.Minor); err != nil {
			t.Fatal(err)
		}
		how := f.choose(Config{DType: bfloat16}, &model.Model{HeadDim: p.Dim})
		taken := p.Forward != nil && p.Backward != nil
		chosen[how]++
		switch {
		case !taken && (how == raggedAttention || how == rowAttention && p.Documents == 1):
			t.Errorf("%s, heads of %d, %d sequences a row: chosen, and cuDNN refuses it", p.Capability, p.Dim, p.Documents)
		case taken && how == maskedAttention:
			t.Errorf("%s, heads of %d, %d sequences a row: cuDNN takes it, and XLA was chosen", p.Capability, p.Dim, p.Documents)
		case taken:
			got := f.Workspace(p.Heads, p.KVHeads, p.Dim, Shape{Rows: 2, Length: 1024, Documents: p.Documents})
			if d := *p.Backward - got; d > 16<<10 || d < 0 && f.Major != 10 { // Blackwell has kernels for some that take less
				t.Errorf("%+v: workspace %d, cuDNN says %d", p, got, *p.Backward)
			}
		}
	}
	if chosen[raggedAttention] == 0 || chosen[rowAttention] == 0 || chosen[maskedAttention] == 0 {
		t.Errorf("not every kind was chosen: %v", chosen)
	}
}
