package compute

import "sftui/engine/model"

// Which calls cuDNN's flash attention takes on which GPU, and what it needs for them. These are cuDNN 9.26's own answers,
// which it gives for a GPU that is described to it as well as for one that is there: testdata/cudnn_plans.json.

// Heads of more than these have no backward call: on data centres' GPUs since Hopper, and on all others.
const (
	longestHead      = 256
	longestSmallHead = 128
)

// Flash says whether a model's attention is computed by cuDNN on a GPU that can.
func (c Config) Flash(m *model.Model) bool {
	asked := c.Attention == "" || c.Attention == flashAttention
	return asked && c.DType == bfloat16 && m.HeadDim%8 == 0 && m.HeadDim <= longestHead
}

// choose says what the device, the type and the model allow of what attn_implementation asks for.
func (f Fused) choose(c Config, m *model.Model) attention {
	switch {
	case !f.Has || !c.Flash(m) || f.Major < 8 || m.HeadDim > f.longestHead():
		return maskedAttention
	case f.packs():
		return raggedAttention
	}
	return rowAttention
}

// large says whether the GPU is a data centre's since Hopper: 9.0, 10.0, 10.3.
func (f Fused) large() bool { return f.Major == 9 || f.Major == 10 }

func (f Fused) longestHead() int {
	if f.large() {
		return longestHead
	}
	return longestSmallHead
}

// packs says whether rows may hold several sequences. JAX asks for Hopper; on GB10 (12.1) cuDNN refuses their backward call.
func (f Fused) packs() bool { return f.Major >= 9 && (f.Major != 12 || f.Minor == 0) }

// Workspace is the memory in bytes that the backward call takes beside its operands and results, for heads of so many
// values of which kvHeads have keys of their own: for every head, sequence and position of its row the gradient of the
// query in float32, the sum of a row of the softmax and, where heads share keys, gradients of key and value for each; its
// older kernels and those of long heads hold one more.
func (f Fused) Workspace(heads, kvHeads, dim int, shape Shape) int64 {
	perHead := int64(4 + 4*dim)
	if heads != kvHeads {
		perHead += int64(4 * dim)
	}
	if f.Major == 8 || f.Major == 12 || f.Major == 10 && dim > longestSmallHead {
		perHead += int64(4 * dim)
	}
	return perHead * int64(heads) * int64(shape.Positions()) * int64(max(1, shape.Documents))
}
