package compute

import (
	"regexp"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
)

// TestKeptAttention holds the backward program of a pass that keeps its results to what the forward call left: the output
// and the statistics are parameters, so that XLA leaves the forward call out. With checkpointing it makes both calls.
func TestKeptAttention(t *testing.T) {
	operands := regexp.MustCompile(`"stablehlo.custom_call"\((.*?)\) \{\n[^\n]*\n[^\n]*\n *call_target_name = "__cudnn\$fmhaSoftmaxBackward"`)
	for checkpointing, statistics := range map[bool]*regexp.Regexp{
		false: regexp.MustCompile(`^%kept_statistics$`),
		true:  regexp.MustCompile(`^%\d+`),
	} {
		s := openSession(t, Config{ModelDir: tinyModel(t, nil), DType: "bfloat16", GradientCheckpointing: checkpointing})
		s.attention, s.kernel = raggedAttention, cuDNN
		text := programText(t, func(b *builder) []*graph.Node { return s.buildBackward(b, 0, Shape{2, 128, 2}) })
		found := operands.FindStringSubmatch(text)
		if found == nil {
			t.Fatalf("checkpointing %v: no backward call", checkpointing)
		}
		names := regexp.MustCompile(`, *`).Split(found[1], -1)
		if len(names) != 10 || !statistics.MatchString(names[3]) {
			t.Errorf("checkpointing %v: the backward call takes %q, its statistics should be %v", checkpointing, names, statistics)
		}
		if checkpointing {
			continue
		}
		// Its output is what was kept of attention, in the shape of the call.
		output := regexp.MustCompile(regexp.QuoteMeta(names[5]) + ` = "stablehlo.reshape"\((%\w+)\)`).FindStringSubmatch(text)
		if output == nil || output[1] != "%kept_1_0" {
			t.Errorf("the backward call's output %s is made of %v, not of what was kept", names[5], output)
		}
	}
}
