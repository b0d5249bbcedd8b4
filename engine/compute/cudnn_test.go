package compute

import (
	"encoding/json"
	"errors"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/stablehlo"
	"github.com/gomlx/gomlx/core/graph"

	"sftui/engine/model"
)

// errText ends a compilation whose text is all that is wanted.
var errText = errors.New("text only")

// textBackend builds programs and compiles none, so that calls of CUDA can be looked at on any machine.
type textBackend struct{ *lowering }

func (b *textBackend) Builder(name string) compute.Builder {
	return &textBuilder{b.lowering.Builder(name).(*attentionBuilder)}
}

type textBuilder struct{ *attentionBuilder }

func (*textBuilder) Compile() (compute.Executable, error) { return nil, errText }

// programText is the StableHLO of a program.
func programText(t *testing.T, build func(b *builder) []*graph.Node) string {
	t.Helper()
	return textOn(t, openDevice(t).Backend, build)
}

// textOn is the StableHLO of a program for a backend.
func textOn(t *testing.T, backend compute.Backend, build func(b *builder) []*graph.Node) string {
	t.Helper()
	l := &lowering{Backend: backend}
	err := guarded("build", func() error {
		b := &builder{g: graph.NewGraph(&textBackend{l}, "program")}
		return b.g.Compile(build(b)...)
	})
	if !errors.Is(err, errText) {
		t.Fatal(err)
	}
	shlo := unexported[stablehlo.Builder](reflect.ValueOf(l.builder.(*xla.Builder)), "builder")
	text, err := shlo.Build()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// jaxCall is a call as JAX exports it.
type jaxCall struct {
	APIVersion     int            `json:"api_version"`
	Config         map[string]any `json:"backend_config"`
	OperandLayouts string         `json:"operand_layouts"`
	ResultLayouts  string         `json:"result_layouts"`
	Operands       string         `json:"operands"`
	Results        string         `json:"results"`
}

// TestCuDNNCallIsJAX compares both calls, of rows that are a sequence and of packed ones, with those that JAX exports
// for CUDA: 4 rows of 128 positions, 4 heads of 64, 2 of keys. Exported with JAX 0.10.2, whose code for these calls is that of 0.11.2.
func TestCuDNNCallIsJAX(t *testing.T) {
	var want map[string]map[string]jaxCall
	readJSON(t, "testdata/cudnn_calls.json", &want)
	for name, documents := range map[string]int{"rows": 1, "ragged": 3} {
		got := attentionCalls(t, documents)
		if len(got) != 2 {
			t.Fatalf("%s: %d calls, want 2", name, len(got))
		}
		for target, call := range want[name] {
			if !reflect.DeepEqual(got[target], call) {
				t.Errorf("%s: %s is\n%+v\nand JAX's\n%+v", name, target, got[target], call)
			}
		}
	}
}

// TestCuDNNWindow passes windows on, and leaves out those that hide nothing.
func TestCuDNNWindow(t *testing.T) {
	for window, want := range map[int]string{0: "0", 40: "40", 128: "0"} {
		text := programText(t, func(b *builder) []*graph.Node { return buildAttention(b, 1, window) })
		if !strings.Contains(text, `\"sliding_window_length\":`+want+",") {
			t.Errorf("a window of %d in rows of 128 is not passed on as %s", window, want)
		}
	}
}

func buildAttention(b *builder, documents, window int) []*graph.Node {
	shape := Shape{Rows: 4, Length: 128, Documents: documents}
	c := (&Session{kernel: cuDNN}).fusedCall(b, shape)
	l := &model.Layer{Kind: model.Kind{Window: window}, Model: &model.Model{HeadDim: 64}}
	heads := func(name string, n int) *graph.Node { return b.param(name, dtypes.BFloat16, shape.Positions(), n, 64) }
	q, k, v := heads("q", 4), heads("k", 2), heads("v", 2)
	a := c.attend(l, q, k, v)
	return append(graph.Gradient(along(a, heads("da", 4)), q, k, v), a)
}

// attentionCalls reads the calls of a program with attention and its gradient, by target.
func attentionCalls(t *testing.T, documents int) map[string]jaxCall {
	t.Helper()
	text := programText(t, func(b *builder) []*graph.Node { return buildAttention(b, documents, 0) })
	calls := map[string]jaxCall{}
	for _, part := range strings.Split(text, `"stablehlo.custom_call"`)[1:] {
		part, _, _ = strings.Cut(part, "\n    %")
		field := func(pattern string) string {
			m := regexp.MustCompile(pattern).FindStringSubmatch(part)
			if m == nil {
				t.Fatalf("no %s in %s", pattern, part)
			}
			return m[1]
		}
		call := jaxCall{
			OperandLayouts: field(`operand_layouts = (\[.*\])`), ResultLayouts: field(`result_layouts = (\[.*\])`),
			Operands: field(`: \((tensor.*)\) -> `), Results: field(`-> \((.*)\)`),
		}
		call.APIVersion, _ = strconv.Atoi(field(`api_version = (\d+)`))
		config, err := strconv.Unquote(`"` + field(`backend_config = "(.*)"`) + `"`)
		if err == nil {
			err = json.Unmarshal([]byte(config), &call.Config)
		}
		if err != nil {
			t.Fatal(err)
		}
		calls[field(`call_target_name = "(.*?)"`)] = call
	}
	return calls
}
