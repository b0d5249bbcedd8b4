// Package compute trains and runs one language model on one device. A Session
// holds the weights, gradients, optimizer moments and executables. Executables
// are regional: one for a block's forward pass and one for its backward pass,
// called once per layer, so that neither compile time nor code size grows with
// depth.
package compute

import (
	"fmt"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/gomlx/compute/dtypes"

	"sftui/engine/device"
	"sftui/engine/model"
)

// Session is one model on one device. Its methods are not safe for concurrent
// use, except Prepare, Compiled, ShapeOf and Stats.
type Session struct {
	dev      *device.Device
	cfg      Config
	model    *model.Model
	dtype    dtypes.DType
	rule     *rule // the optimizer
	embed    *weight
	norm     *weight
	head     *weight // the embedding, when tied
	layers   []*layer
	variants []variant // of layers; each has its own programs
	// declaredTied says that config.json ties embedding and head; model.Tied, whether they are.
	declaredTied bool
	lowest       int       // layer that gradients go back to: nothing below it is trained
	all          []*weight // in the checkpoint's order
	groups       [][]*weight
	programs     programs
	// attention is how attention is computed; kernel is what computes it where XLA does not.
	attention attention
	kernel    kernel

	process process // whose memory restrain looks at: the device's; nil where it is not the process's
	settled int64   // bytes: the most that the process held after restrain gave holes back

	trimmed int    // programs asked for when freed memory was last given back
	stepped int    // the same, at the end of a step
	steps   int    // optimizer steps done
	passes  uint64 // training micro-batches run, for dropout and noise

	mu     sync.Mutex
	shapes []Shape // compiled for training
}

// layer is one block's weights.
type layer struct {
	kind     int       // of the model's kinds of layers
	variant  int       // of the session's variants
	base     []*weight // in the order of model.Block
	adapters []*adapter
	trained  []*weight // whose gradients the backward pass yields, in its order
}

// Open loads the model folder of c onto the device.
func Open(dev *device.Device, c Config) (*Session, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	m, err := model.Open(c.ModelDir)
	if err != nil {
		return nil, err
	}
	if !c.Inference {
		if err := checkDropout(c.ModelDir, m); err != nil {
			return nil, err
		}
	}
	s := &Session{dev: dev, cfg: c, model: m, dtype: dtypes.Float32, declaredTied: m.Tied}
	if dev.Kind == device.CPU {
		s.process = dev
	}
	if c.LoRA.unties() {
		m.Tied = false
	}
	if s.rule, err = s.cfg.Optimizer.rule(); err != nil {
		return nil, err
	}
	if c.DType == bfloat16 {
		s.dtype = dtypes.BFloat16
	}
	for _, kind := range m.LayerKind {
		s.layers = append(s.layers, &layer{kind: kind})
	}
	if err = s.load(); err == nil {
		err = s.addAdapters()
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	s.attention, s.kernel = FusedOn(dev).choose(s.cfg, m), cuDNN
	dev.UseTF32(c.TF32)
	s.settleAttention()
	s.findVariants()
	s.group()
	// The float32 copies that went to the device are garbage by now; give them back before training begins.
	debug.FreeOSMemory()
	dev.Trim()
	return s, nil
}

// add files a loaded weight where it belongs.
func (s *Session) add(w *weight) {
	s.all = append(s.all, w)
	switch w.name {
	case model.EmbedName:
		s.embed = w
		if s.model.Tied {
			s.head = w
		}
		return
	case model.NormName:
		s.norm = w
		return
	case model.HeadName:
		s.head = w
		return
	}
	for _, l := range s.layers {
		if len(l.base) < len(s.model.Block) {
			l.base = append(l.base, w)
			if w.trainable {
				l.trained = append(l.trained, w)
			}
			return
		}
	}
}

// group sets what one optimizer call updates: a layer each, and the outer weights each for itself.
func (s *Session) group() {
	outer := []*weight{s.embed, s.norm}
	if !s.model.Tied {
		outer = append(outer, s.head)
	}
	for _, w := range outer {
		if w.trainable {
			s.groups = append(s.groups, []*weight{w})
		}
	}
	for _, l := range s.layers {
		if len(l.trained) > 0 {
			s.groups = append(s.groups, l.trained)
		}
	}
	if !s.embed.trainable {
		s.lowest = max(0, slices.IndexFunc(s.layers, func(l *layer) bool { return len(l.trained) > 0 }))
	}
}

// Info describes the model.
func (s *Session) Info() Info {
	info := Info{
		Architecture: s.model.Architecture,
		Layers:       len(s.layers),
		Hidden:       s.model.Config.HiddenSize,
		Vocabulary:   s.model.Config.VocabSize,
		MaxPositions: s.model.Config.MaxPositionEmbeddings,
		Tied:         s.model.Tied,
		Device:       s.dev.Name,
		DType:        s.cfg.DType,
	}
	for _, w := range s.weights() {
		info.Parameters += int64(w.elements())
		if w.trainable {
			info.Trainable += int64(w.elements())
			for _, slot := range s.rule.slots(w) {
				info.StateBytes += slot.bytes()
			}
		}
	}
	return info
}

// weights lists every tensor, adapters after the layer they belong to.
func (s *Session) weights() []*weight {
	all := append([]*weight(nil), s.all...)
	for _, l := range s.layers {
		for _, a := range l.adapters {
			all = append(all, a.a, a.b)
		}
	}
	return all
}

// trained lists the tensors that the optimizer updates.
func (s *Session) trained() []*weight {
	var out []*weight
	for _, g := range s.groups {
		out = append(out, g...)
	}
	return out
}

// Discard zeroes the accumulated gradients without a step.
func (s *Session) Discard() {
	for _, w := range s.weights() {
		free(w.grad)
		w.grad = nil
	}
}

// Close frees device memory. The device stays open.
func (s *Session) Close() {
	for _, w := range s.weights() {
		free(w.value, w.low, w.grad)
		free(w.slots...)
		w.value, w.low, w.grad, w.slots = nil, nil, nil, nil
	}
	s.programs.finalize()
}

// Names of compute types.
const (
	float32Name = "float32"
	bfloat16    = "bfloat16"
)

// check fills in defaults and refuses what no session can do.
func (c *Config) check() error {
	switch c.DType {
	case "":
		c.DType = float32Name
	case float32Name, bfloat16:
	default:
		return fmt.Errorf("dtype %q is not supported: matrix products are computed in float32 or bfloat16", c.DType)
	}
	switch c.Attention {
	case "", "sdpa", "eager", flashAttention:
	default:
		return fmt.Errorf("attn_implementation %q is not supported: sdpa, eager and flash_attention_2 are", c.Attention)
	}
	if c.LabelSmoothing < 0 || c.LabelSmoothing > 1 {
		return fmt.Errorf("label_smoothing_factor is %g; it must be from 0 to 1", c.LabelSmoothing)
	}
	if c.NEFTuneAlpha < 0 {
		return fmt.Errorf("neftune_noise_alpha is %g; it must not be negative", c.NEFTuneAlpha)
	}
	if err := c.Optimizer.Check(); err != nil {
		return err
	}
	return c.LoRA.check()
}

const flashAttention = "flash_attention_2"
