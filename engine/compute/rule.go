package compute

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"sftui/engine/model"
)

// rule is an optimizer: what it keeps of every weight, and how it moves one.
type rule struct {
	// slots lists what is kept of a weight beside its value, in a fixed order.
	slots func(w *weight) []slot
	// scalars are the numbers of one step that the graph must not be compiled for; step counts from 1.
	scalars func(step int, lr float64) []float64
	// build adds a weight's step to the graph.
	build func(m *move) (value *graph.Node, slots []*graph.Node)
}

// slot is one tensor that an optimizer keeps of a weight; it begins as zeros.
type slot struct {
	name  string // as in a saved state, before the weight's name
	dtype dtypes.DType
	dims  []int
}

// bytes is what the slot holds.
func (s slot) bytes() int64 {
	n := int64(s.dtype.Size())
	for _, d := range s.dims {
		n *= int64(d)
	}
	return n
}

// move is one weight in an optimizer's graph.
type move struct {
	value, grad *graph.Node // grad is scaled and clipped
	slots       []*graph.Node
	scalars     []*graph.Node
	dims        []int
	decay       bool // weight decay applies to this weight, and is not zero
}

// like is a slot of float32 in the weight's own shape.
func like(name string) func(w *weight) slot {
	return func(w *weight) slot { return slot{name, dtypes.Float32, w.shape} }
}

// alike makes the slots function of an optimizer that keeps tensors of the weight's shape.
func alike(names ...string) func(w *weight) []slot {
	return func(w *weight) []slot {
		var out []slot
		for _, name := range names {
			out = append(out, like(name)(w))
		}
		return out
	}
}

// optimizers has one entry for every value of optim that works.
func optimizers() map[string]func(c *OptimizerConfig) (*rule, error) {
	return map[string]func(c *OptimizerConfig) (*rule, error){
		"adamw_torch":          plain(adamW),
		"adamw_torch_fused":    plain(adamW),
		"paged_adamw_32bit":    plain(adamW),
		"adamw_bnb_8bit":       plain(adamW8bit),
		"adamw_8bit":           plain(adamW8bit),
		"paged_adamw_8bit":     plain(adamW8bit),
		"adafactor":            plain(adafactor),
		"sgd":                  sgd,
		"adagrad":              adagrad,
		"rmsprop":              rmsProp,
		"lion_32bit":           plain(lion),
		"paged_lion_32bit":     plain(lion),
		"lion_8bit":            plain(lion8bit),
		"paged_lion_8bit":      plain(lion8bit),
		"ademamix":             adEMAMix,
		"paged_ademamix_32bit": adEMAMix,
	}
}

// plain makes an entry of an optimizer that has no settings to get wrong.
func plain(build func(c *OptimizerConfig) *rule) func(c *OptimizerConfig) (*rule, error) {
	return func(c *OptimizerConfig) (*rule, error) { return build(c), nil }
}

// OptimizerNames lists the values of optim that work, sorted.
func OptimizerNames() []string {
	var names []string
	for name := range optimizers() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Check fills in defaults and says what no optimizer can do.
func (c *OptimizerConfig) Check() error {
	switch c.Name {
	case "":
		c.Name, c.Beta1, c.Beta2, c.Epsilon = "adamw_torch", 0.9, 0.999, 1e-8
	case "adamw_hf":
		c.Name = "adamw_torch"
	}
	if c.Beta1 < 0 || c.Beta1 >= 1 || c.Beta2 < 0 || c.Beta2 >= 1 || c.Epsilon < 0 || c.WeightDecay < 0 {
		return fmt.Errorf("adam_beta1 %g and adam_beta2 %g must be at least 0 and below 1, adam_epsilon %g and weight_decay %g not negative",
			c.Beta1, c.Beta2, c.Epsilon, c.WeightDecay)
	}
	_, err := c.rule()
	return err
}

// rule is the optimizer that the configuration names.
func (c *OptimizerConfig) rule() (*rule, error) {
	name := c.Name
	if name == "" {
		name = "adamw_torch"
	}
	build, ok := optimizers()[name]
	if !ok {
		return nil, fmt.Errorf("optim %q is not supported; use one of %s", c.Name, strings.Join(OptimizerNames(), ", "))
	}
	return build(c)
}

// StateBytes is what the optimizer keeps while a model is trained: of all weights, or of LoRA's adapters and what is
// trained whole beside them.
func (c Config) StateBytes(m *model.Model) int64 {
	r, err := c.Optimizer.rule()
	if err != nil {
		return 0
	}
	var n int64
	count := func(name string, shape ...int) {
		for _, slot := range r.slots(&weight{name: name, shape: shape}) {
			n += slot.bytes()
		}
	}
	for _, p := range m.Params() {
		full := strings.TrimSuffix(p.Name, ".weight")
		switch {
		case c.LoRA == nil || c.LoRA.Saves(p.Name):
			count(p.Name, p.Shape...)
		case p.Linear && c.LoRA.Adapts(full):
			count(full+".lora_A.weight", c.LoRA.R, p.Shape[1])
			count(full+".lora_B.weight", p.Shape[0], c.LoRA.R)
		}
	}
	return n
}

// family is the name that optimizers with the same state share: where theirs differ only in the kernel or in paging.
func (c *OptimizerConfig) family() string {
	name := strings.TrimSuffix(strings.TrimPrefix(c.Name, "paged_"), "_fused")
	switch name {
	case "adamw_8bit":
		return "adamw_bnb_8bit"
	case "adamw_32bit":
		return "adamw_torch"
	case "ademamix_32bit":
		return "ademamix"
	}
	return name
}

// args reads optim_args ("momentum=0.9, nesterov=true") into the variables of the keys that an optimizer has:
// *float64 or *bool. weight_decay is taken and ignored, since the trainer sets it for each weight.
func (c *OptimizerConfig) args(keys map[string]any) error {
	text := strings.ReplaceAll(c.Args, " ", "")
	if text == "" {
		return nil
	}
	for _, pair := range strings.Split(text, ",") {
		key, value, found := strings.Cut(pair, "=")
		if !found {
			return fmt.Errorf("optim_args: %q is not of the form key=value", pair)
		}
		var err error
		switch into := keys[key].(type) {
		case *float64:
			*into, err = strconv.ParseFloat(value, 64)
			if err == nil && (math.IsNaN(*into) || math.IsInf(*into, 0) || *into < 0 && key != "dampening") {
				err = strconv.ErrRange
			}
		case *bool:
			*into = slices.Contains([]string{"true", "1", "yes"}, strings.ToLower(value))
		default:
			if key != "weight_decay" {
				return fmt.Errorf("optim_args: optim %s has no setting %q", c.Name, key)
			}
		}
		if err != nil {
			return fmt.Errorf("optim_args: %s needs a number that is not negative, found %q", key, value)
		}
	}
	return nil
}

// update moves one group of weights and replaces its buffers.
func (s *Session) update(group []*weight, scalars compute.Buffer, count int) error {
	program, err := s.updateProgram(group, count)
	if err != nil {
		return err
	}
	inputs := []compute.Buffer{scalars}
	for _, w := range group {
		slots := s.rule.slots(w)
		if w.slots == nil {
			w.slots = make([]compute.Buffer, len(slots))
		}
		inputs = append(inputs, w.value, w.grad)
		for i, slot := range slots {
			if w.slots[i] == nil {
				if w.slots[i], err = s.zerosOf(slot.dtype, slot.dims); err != nil {
					return err
				}
			}
			inputs = append(inputs, w.slots[i])
		}
	}
	for _, w := range group {
		free(w.low)
		w.low = nil
	}
	outputs, err := program.run(inputs...)
	if err != nil {
		return err
	}
	for _, w := range group {
		free(w.grad)
		w.value, w.grad = outputs[0], nil
		outputs = outputs[1+copy(w.slots, outputs[1:]):]
		if s.lowers(w) {
			w.low, outputs = outputs[0], outputs[1:]
		}
	}
	return nil
}

// updateProgram is one step of the optimizer for a group of weights. Its first scalar is the gradients' scale, the
// second the factor of weight decay, the others are the optimizer's own.
func (s *Session) updateProgram(group []*weight, scalars int) (*program, error) {
	key := groupKey("update", group)
	return s.programs.get(key, func() (*program, error) {
		return compile(s.dev.Backend, key, func(b *builder) []*graph.Node {
			vector := b.float("scalars", scalars)
			each := make([]*graph.Node, scalars)
			for i := range each {
				each[i] = graph.Reshape(graph.SliceAxis(vector, 0, graph.AxisRange(i, i+1)))
			}
			var outputs []*graph.Node
			for i, w := range group {
				m := &move{dims: w.shape, decay: w.decay && s.cfg.Optimizer.WeightDecay != 0, scalars: each[1:]}
				m.value = b.float(fmt.Sprint("p", i), w.shape...)
				grad := b.float(fmt.Sprint("g", i), w.shape...)
				b.update(m.value, len(outputs))
				for j, slot := range s.rule.slots(w) {
					m.slots = append(m.slots, b.param(fmt.Sprint("s", i, ".", j), slot.dtype, slot.dims...))
					b.update(m.slots[j], len(outputs)+1+j)
				}
				m.grad = graph.Mul(grad, each[0])
				value, slots := s.rule.build(m)
				outputs = append(append(outputs, value), slots...)
				if s.lowers(w) {
					outputs = append(outputs, graph.ConvertDType(value, s.dtype))
				}
			}
			return outputs
		})
	})
}

// shrink multiplies a weight by 1 - lr·weight_decay where decay applies.
func (m *move) shrink(value *graph.Node) *graph.Node {
	if !m.decay {
		return value
	}
	return graph.Mul(value, m.scalars[0])
}

// scalar is the i-th number that the optimizer's scalars function returned.
func (m *move) scalar(i int) *graph.Node { return m.scalars[1+i] }
