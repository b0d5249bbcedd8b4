package compute

import (
	"context"
	"fmt"
)

// Config says which model a session opens and how it computes. The zero value
// of every field but ModelDir is a sensible full fine-tuning in float32.
type Config struct {
	ModelDir string // Hugging Face model folder
	// DType is the type matrix products are computed in: "float32" (default) or
	// "bfloat16". Weights, moments, norms, softmax and loss stay float32.
	DType string
	// GradientCheckpointing keeps only each block's input for the backward pass
	// and computes the rest again; without it every block keeps the results of
	// its matrix products.
	GradientCheckpointing bool
	// Attention is attn_implementation: "sdpa" and "eager" (XLA), "flash_attention_2" or
	// "" (cuDNN on CUDA with bfloat16, XLA elsewhere).
	Attention string
	TF32      bool // tf32: NVIDIA GPUs may round the operands of float32 products to 10 bits
	// MaxLength bounds the bucket lengths of layouts; 0 asks for the model's own limit.
	MaxLength int
	// Inference leaves out gradients and optimizer state.
	Inference      bool
	Optimizer      OptimizerConfig
	LoRA           *LoRAConfig
	Seed           int64   // LoRA's initial A, dropout and NEFTune noise
	LabelSmoothing float64 // label_smoothing_factor; nothing with DFT, as in TRL
	DFT            bool    // loss_type dft: each token's loss counts by the probability that it has
	NEFTuneAlpha   float64 // neftune_noise_alpha, 0 = off
}

// OptimizerConfig is the optimizer with the names and meanings of TrainingArguments. Without a Name it is adamw_torch with
// its usual betas and epsilon; with one they are what they say, since a beta of 0 is a value too.
type OptimizerConfig struct {
	Name        string  // optim, one of OptimizerNames
	Args        string  // optim_args: "key=value, key=value", read by sgd, adagrad, rmsprop and ademamix
	Beta1       float64 // adam_beta1
	Beta2       float64 // adam_beta2
	Epsilon     float64 // adam_epsilon
	WeightDecay float64
	// DecayAll applies weight decay to norms and biases too, which TRL's trainer does not.
	DecayAll bool
}

// LoRAConfig is PEFT's LoraConfig as far as TRL's ModelConfig sets it.
type LoRAConfig struct {
	R             int
	Alpha         float64
	Dropout       float64
	TargetModules []string // empty or "all-linear": every linear layer but the head; else suffixes such as "q_proj"
	ModulesToSave []string // trained whole beside the adapters, such as "lm_head" or "embed_tokens"
	UseRSLoRA     bool     // scale by alpha/sqrt(r) instead of alpha/r
	InitFrom      string   // safetensors file or adapter folder with the initial A and B; empty draws A, zeroes B
}

// Batch is one micro-batch as the collator made it. It has the fields of
// dataset.Batch, so that compute.Batch(b) converts one. AttentionMask and
// PositionIDs may be nil. A position_id of 0 after the first column begins a new
// sequence within a row (padding_free and packing).
type Batch struct {
	Rows          [][]int
	InputIDs      [][]int32
	Labels        [][]int32
	AttentionMask [][]int32
	PositionIDs   [][]int32
}

// Micro is what one forward (and backward) pass found.
type Micro struct {
	LossSum    float64   // sum of the negative log likelihoods of the trained tokens (with label smoothing, the smoothed ones)
	Trained    int64     // tokens that carry loss: labels[:, 1:] != -100
	Tokens     int64     // real tokens
	Positions  int64     // computed positions, filling included
	Correct    int64     // trained tokens that argmax predicts
	RowLossSum []float64 // by sequence, in the batch's order (a packed row has several)
	RowTrained []int64
}

// Step is what one optimizer step found.
type Step struct {
	GradNorm float64 // global norm before clipping, of the gradient divided by trained tokens
	// Skipped says that the norm was not finite: weights and moments are unchanged.
	Skipped bool
}

// Shape is what executables are compiled for: Rows rows of Length positions. Where attention is fused (CUDA), Documents
// says how many sequences there are for each row, 1 when every row is one sequence; elsewhere it is 0.
type Shape struct {
	Rows      int
	Length    int
	Documents int
}

// Positions returns how many token positions a pass of this shape computes.
func (s Shape) Positions() int { return s.Rows * s.Length }

func (s Shape) String() string {
	if s.Documents > 1 {
		return fmt.Sprintf("%d×%d (%d sequences)", s.Rows, s.Length, s.Rows*s.Documents)
	}
	return fmt.Sprintf("%d×%d", s.Rows, s.Length)
}

// GenerateOptions steers Generate.
type GenerateOptions struct {
	MaxNewTokens int
	StopIDs      []int32 // generation ends after emitting one of these
	Temperature  float64 // 0 = greedy
	TopP         float64 // 0 or 1 = off
	Seed         int64
}

// ExportOptions steers Export.
type ExportOptions struct {
	DType         string // "float32", "bfloat16", "float16"; empty keeps the source's types
	PairDType     string // of an adapter's pairs; empty is float32, as PEFT trains and saves them whatever the model's type
	Merge         bool   // with LoRA: fold the adapters into the weights instead of writing a PEFT adapter
	BaseModel     string // base_model_name_or_path of an adapter_config.json
	MaxShardBytes int64  // max_shard_size; 0 is transformers' default
	ChatTemplate  string // replaces the source's template when set
	// Tokens are written into the files that name special tokens; nil leaves those as they are.
	Tokens *SpecialTokens
}

// Info describes an open model.
type Info struct {
	Architecture string // LlamaForCausalLM …
	Parameters   int64  // all weights, adapters included
	Trainable    int64
	StateBytes   int64 // of the optimizer's state, once it has made a step
	Layers       int
	Hidden       int
	Vocabulary   int
	MaxPositions int
	Tied         bool
	Device       string
	DType        string
}

// Stats counts what the session compiled and holds.
type Stats struct {
	Executables    int
	CompileSeconds float64
	Shapes         []Shape
	Memory         Memory
}

// Memory is what training needs, in bytes, by what needs it.
type Memory struct {
	Weights     int64 // float32 master weights (and adapters)
	Moments     int64 // optimizer state
	Gradients   int64
	Activations int64 // kept between forward and backward, all layers
	Block       int64 // temporaries of the largest block's backward
	Head        int64 // temporaries of one chunk of the loss
	Optimizer   int64 // temporaries of the largest optimizer call
	Process     int64 // program, plugin and tokenizer
	Code        int64 // compiled programs and the compiler at work
	Holes       int64 // freed memory that the allocator keeps
}

// Total adds everything up: the peak lies in the pass with the largest temporaries.
func (m Memory) Total() int64 {
	temporary := max(m.Activations+max(m.Block, m.Head), m.Optimizer)
	return m.Weights + m.Moments + m.Gradients + temporary + m.Process + m.Code + m.Holes
}

// Trainer is what a training loop needs of a session; tests of the loop stand in for it.
type Trainer interface {
	Info() Info
	Micro(b Batch) (Micro, error)
	Step(lr, maxGradNorm float64, trained int64) (Step, error)
	Discard()
	Eval(b Batch) (Micro, error)
	Generate(ctx context.Context, prompt []int32, o GenerateOptions, emit func(id int32)) error
	ShapeOf(b Batch) Shape
	Prepare(shape Shape) error
	Compiled(shape Shape) bool
	Stats() Stats
	SaveState(dir string) error
	LoadState(dir string) error
	Export(dir string, o ExportOptions) error
	Close()
}

var _ Trainer = (*Session)(nil)
