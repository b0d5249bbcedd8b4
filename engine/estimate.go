package engine

import (
	"strings"

	"sftui/engine/compute"
	"sftui/engine/device"
	"sftui/engine/model"
)

// asTrained is the model as a session trains it: PEFT parts a tied head from
// the embedding where modules_to_save names either.
func asTrained(m *model.Model, l *compute.LoRAConfig) *model.Model {
	if !m.Tied || l == nil || !l.Saves(model.EmbedName) && !l.Saves(model.HeadName) {
		return m
	}
	untied := *m
	untied.Tied = false
	return &untied
}

// adapters is the number of values in LoRA's A and B, and of what is trained
// whole beside them.
func adapters(m *model.Model, l *compute.LoRAConfig) (adapter, whole int64) {
	for _, p := range m.Params() {
		switch {
		case l.Saves(p.Name):
			whole += int64(p.Elements())
		case p.Linear && l.Adapts(strings.TrimSuffix(p.Name, ".weight")):
			adapter += int64(l.R * (p.Shape[0] + p.Shape[1]))
		}
	}
	return adapter, whole
}

// Sizes of what depends on the plugin more than on the model. The CPU's were
// measured on runs on two cores; BENCHMARKS.md has the figures. The process is
// what it holds beside SmolLM2's weights once the model is open, with the 15 MB
// of the plugin's pages that compiling touches. Of the compiler's, 70 MB are the
// heap that one block's program takes to compile. The rest, for later shapes
// that compile beside the steps and for programs that stay, is a calibration: it
// is what such runs of SmolLM2 and tiny-llama reached above all else.
const (
	processBytesCPU  = 215e6
	compilerBytesCPU = 205e6
	processBytesCUDA = 320 << 20
	holesShareCUDA   = 0.02     // of all buffers: holes between them that the plugin's allocator keeps
	headBytesCPU     = 64 << 20 // bounds one chunk of logits
	headBytesCUDA    = 3 << 29
	headChunkCPU     = 1024 // trained positions in a chunk at the most
	headChunkCUDA    = 2048
	headChunkLeast   = 16
	headCopiesCUDA   = 3.3 // logits, their exponentials, their gradient, and less
	headCopiesLow    = 1.6 // in bfloat16: logits and their gradient in half the bytes
)

// Target is what an estimate depends on of the device.
type Target struct {
	CUDA  bool
	Fused compute.Fused
}

// targetOf describes a device.
func targetOf(dev *device.Device) Target {
	return Target{dev.Kind == device.CUDA, compute.FusedOn(dev)}
}

// Estimate adds up the memory of training a model in batches of a shape, in
// bytes. The sum is what the process reaches: on a CPU freed buffers stay with
// it until the next pass uses them.
func Estimate(m *model.Model, c compute.Config, shape compute.Shape, on Target) compute.Memory {
	return atOnce(estimateParts(m, c, shape, on), on.CUDA)
}

// atOnce leaves out what is never held beside something larger: the head is
// through when the first block's backward pass begins.
func atOnce(e compute.Memory, cuda bool) compute.Memory {
	if e.Block < e.Head {
		e.Block = 0
	} else {
		e.Head = 0
	}
	return withOverhead(e, cuda)
}

// estimateParts is every part's own peak.
func estimateParts(m *model.Model, c compute.Config, shape compute.Shape, on Target) compute.Memory {
	m = asTrained(m, c.LoRA)
	trainable := m.NumParameters()
	var e compute.Memory
	e.Weights = c.WeightBytes(m)
	if c.LoRA != nil {
		adapter, whole := adapters(m, c.LoRA)
		trainable = adapter + whole
	}
	e.Gradients = float32Bytes * trainable
	e.Moments = c.StateBytes(m)
	e.Activations = activationBytes(m, c, shape)
	e.Block = blockBytes(m, c, shape, on.Fused)
	e.Head = headPeak(m, c, on.CUDA)
	return e
}

// alone is an estimate for steps of one micro-batch. Nothing is added to
// gradients that are there already, so a block's come about where the
// activations of blocks above it have just been freed: the two share memory.
func alone(e compute.Memory, m *model.Model, c compute.Config, cuda bool) compute.Memory {
	m = asTrained(m, c.LoRA)
	outer := int64(0)
	for _, p := range m.Outer() {
		if c.LoRA == nil || c.LoRA.Saves(p.Name) {
			outer += float32Bytes * int64(p.Elements())
		}
	}
	e.Gradients = outer + max(0, e.Gradients-outer-e.Activations)
	return withOverhead(e, cuda)
}

// withOverhead adds what a run needs beside its buffers. On a CPU the session
// keeps to its share of freed memory, which is one of all that the process holds.
func withOverhead(m compute.Memory, cuda bool) compute.Memory {
	m.Process, m.Code, m.Holes = 0, 0, 0
	if cuda {
		m.Holes = int64(holesShareCUDA * float64(m.Total()))
		m.Process = processBytesCUDA
		return m
	}
	m.Process, m.Code = processBytesCPU, compilerBytesCPU
	m.Holes = int64(compute.HolesShare * float64(m.Total()))
	return m
}

// headPeak is what the head needs at its peak. On a CPU that is one chunk of
// logits, which are updated in place, and where the head is trained its
// gradient by that chunk before it is added to the rest.
func headPeak(m *model.Model, c compute.Config, cuda bool) int64 {
	chunk := headBytes(m, cuda)
	switch {
	case cuda && c.DType == "bfloat16":
		return int64(headCopiesLow * float64(chunk))
	case cuda:
		return int64(headCopiesCUDA * float64(chunk))
	}
	name := model.HeadName
	if m.Tied {
		name = model.EmbedName
	}
	if c.LoRA != nil && !c.LoRA.Saves(name) {
		return chunk
	}
	return chunk + float32Bytes*int64(m.Config.VocabSize)*int64(m.Config.HiddenSize)
}

// headBytes is the size of one chunk of logits, whose rows are a power of two.
func headBytes(m *model.Model, cuda bool) int64 {
	most, chunkMost := int64(headBytesCPU), int64(headChunkCPU)
	if cuda {
		most, chunkMost = headBytesCUDA, headChunkCUDA
	}
	row := float32Bytes * int64(m.Config.VocabSize)
	chunk := int64(headChunkLeast)
	for chunk*2*row <= most && chunk < chunkMost {
		chunk *= 2
	}
	return chunk * row
}

// elementBytes is the size of a value in the type that products are computed in.
func elementBytes(c compute.Config) int64 {
	if c.DType == "bfloat16" {
		return 2
	}
	return float32Bytes
}

// activationBytes is what lives between forward and backward: each layer's
// input, and without checkpointing the results of its matrix products.
func activationBytes(m *model.Model, c compute.Config, shape compute.Shape) int64 {
	hidden := int64(m.Config.HiddenSize)
	perPosition := float32Bytes * hidden
	if !c.GradientCheckpointing {
		q, kv := int64(m.Config.NumAttentionHeads*m.HeadDim), int64(m.KVHeads*m.HeadDim)
		perPosition += elementBytes(c)*(2*q+2*kv+2*int64(m.Config.IntermediateSize)) + float32Bytes*hidden
		perPosition += float32Bytes * int64(m.Config.NumAttentionHeads*shape.Documents) // flash attention's statistics
	}
	return perPosition * int64(len(m.LayerKind)) * int64(shape.Positions())
}

// blockBytes is what one block's backward pass needs at its peak: attention
// scores of all heads, of which causal rows compute about half at a time and
// keep two copies, and the results on both sides of the MLP. XLA's own sizes
// for SmolLM2 at 512, 1,024 and 2,048 positions are met within a fifth. Flash
// attention never holds scores: it keeps statistics of every query and head, for
// every sequence of a row, and has cuDNN's workspace.
func blockBytes(m *model.Model, c compute.Config, shape compute.Shape, fused compute.Fused) int64 {
	const scoreCopies, wideCopies, narrowCopies = 1, 4, 3
	positions, length := int64(shape.Positions()), int64(shape.Length)
	scores := scoreCopies * float32Bytes * int64(m.Config.NumAttentionHeads) * positions * length
	if shape.Documents > 0 {
		scores = float32Bytes*int64(m.Config.NumAttentionHeads*shape.Documents)*positions +
			fused.Workspace(m.Config.NumAttentionHeads, m.KVHeads, m.HeadDim, shape)
	}
	wide := wideCopies * elementBytes(c) * int64(m.Config.IntermediateSize) * positions
	narrow := narrowCopies * float32Bytes * int64(m.Config.HiddenSize) * positions
	return scores + wide + narrow
}
