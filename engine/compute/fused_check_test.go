package compute

import (
	"errors"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"sftui/engine/model"
)

// TestFlashAttentionIsTriedFirst opens sessions whose kernel works, is refused by the compiler, computes something else or
// leaves NaN: all but the first go on with XLA's attention and say so.
func TestFlashAttentionIsTriedFirst(t *testing.T) {
	dir := tinyModel(t, func(config map[string]any) {
		config["architectures"], config["model_type"] = []string{"MistralForCausalLM"}, "mistral"
		config["sliding_window"] = 40
	})
	s := openSession(t, Config{ModelDir: dir})
	batch := unevenBatch(9, 30, 17, 25)
	want, err := s.Eval(batch)
	if err != nil {
		t.Fatal(err)
	}
	kernels := map[string]kernel{
		"": emulated,
		"no cuDNN": func(*fusedCall, *model.Layer, *graph.Node, *graph.Node, *graph.Node) *graph.Node {
			panic(errors.New("no cuDNN here\nstack of calls"))
		},
		"output differs": func(c *fusedCall, l *model.Layer, q, k, v *graph.Node) *graph.Node {
			return graph.MulScalar(emulated(c, l, q, k, v), 1.2)
		},
		"gradient of v differs": func(c *fusedCall, l *model.Layer, q, k, v *graph.Node) *graph.Node {
			return emulated(c, l, q, k, graph.StopGradient(v))
		},
	}
	for reason, kernel := range kernels {
		for _, how := range []attention{rowAttention, raggedAttention} {
			s.attention, s.kernel, s.dev.Warning = how, kernel, ""
			s.settleAttention()
			if kept := s.attention == how; kept != (reason == "") || !strings.Contains(s.dev.Warning, reason) {
				t.Errorf("%q: attention %d became %d, warning %q", reason, how, s.attention, s.dev.Warning)
			}
			if strings.Contains(s.dev.Warning, "\n") || strings.HasPrefix(s.dev.Warning, ";") {
				t.Errorf("not one sentence: %q", s.dev.Warning)
			}
			got, err := s.Eval(batch)
			if err != nil {
				t.Fatal(err)
			}
			relative(t, "loss where "+reason, got.LossSum, want.LossSum, 1e-5)
		}
	}
	s.attention, s.kernel, s.dev.Warning = raggedAttention, func(c *fusedCall, l *model.Layer, q, k, v *graph.Node) *graph.Node {
		if c.offsets != nil {
			panic(errors.New("no packed rows"))
		}
		return emulated(c, l, q, k, v)
	}, ""
	s.settleAttention()
	if s.attention != rowAttention || !strings.Contains(s.dev.Warning, "no packed rows") {
		t.Errorf("where packed rows are refused attention became %d, warning %q", s.attention, s.dev.Warning)
	}
	got, err := s.Eval(batch)
	if err != nil {
		t.Fatal(err)
	}
	relative(t, "loss of rows of one sequence", got.LossSum, want.LossSum, 1e-5)
	s.dev.Warning = ""
}
