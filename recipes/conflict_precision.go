package recipes

import (
	"fmt"
	"strings"
)

// precisionRules are about number formats, devices and attention.
func precisionRules() []rule {
	return []rule{
		{"bf16-with-fp16", SeverityError, "bf16 fp16", func(r *Recipe) *clash {
			return when(r.Fp16 && r.Bf16 != nil && *r.Bf16,
				"bf16 and fp16 are both on; arithmetic has one of the two formats.",
				"bf16 与 fp16 同时启用；计算只能用其中一种格式。", "fp16", "false")
		}},
		{"full-eval-formats", SeverityError, "bf16_full_eval fp16_full_eval", func(r *Recipe) *clash {
			return when(r.Bf16FullEval && r.Fp16FullEval,
				"bf16_full_eval and fp16_full_eval are both on; choose one.",
				"bf16_full_eval 与 fp16_full_eval 同时启用；请二选一。", "fp16_full_eval", "false")
		}},
		{"fp16-weights", SeverityError, "dtype fp16", func(r *Recipe) *clash {
			return when(r.Dtype == "float16" && r.Fp16 && !r.UsePeft,
				"dtype float16 with fp16 leaves no float32 copy of the weights to scale gradients for, and PyTorch stops at the first step.",
				"dtype float16 加 fp16 没有 float32 权重副本可供缩放梯度，PyTorch 第一步就会停止。", "dtype", "float32")
		}},
		{"vanishing-updates", SeverityNote, "dtype learning_rate", func(r *Recipe) *clash {
			return when((r.Dtype == "bfloat16" || r.Dtype == "float16") && !r.UsePeft && r.LearningRate < 1e-4,
				fmt.Sprintf("dtype %s keeps the weights themselves in 16 bits in TRL; at learning_rate %g most updates are smaller than the format can add to a weight and are lost. sftui keeps float32 masters in any case, as dtype float32 with bf16 true does in TRL.", r.Dtype, r.LearningRate),
				fmt.Sprintf("在 TRL 中 dtype %s 让权重本身只有 16 位；learning_rate %g 时大多数更新小于该格式能加上的最小值而丢失。sftui 总是保留 float32 主权重；在 TRL 中请用 dtype float32 加 bf16 true。", r.Dtype, r.LearningRate), "dtype", "float32")
		}},
		{"flash-in-float32", SeverityError, "attn_implementation dtype bf16", func(r *Recipe) *clash {
			return when(r.flashInFloat32(),
				r.AttnImplementation+" computes only in 16 bits, but dtype is float32 and bf16 is off.",
				r.AttnImplementation+" 只支持 16 位计算，而 dtype 为 float32 且 bf16 关闭。", "bf16", "true")
		}},
		{"flash-on-cpu", SeverityNote, "attn_implementation device", func(r *Recipe) *clash {
			return when(strings.Contains(r.AttnImplementation, "flash") && r.onCPU(),
				"Flash attention exists on NVIDIA GPUs only; on the CPU sftui computes the same attention the plain way.",
				"flash attention 只用于 NVIDIA GPU；在 CPU 上 sftui 以普通方式计算同样的注意力。", "attn_implementation", "sdpa")
		}},
		{"unknown-attention", SeverityWarning, "attn_implementation", func(r *Recipe) *clash {
			return when(r.AttnImplementation != "" && !knownAttention(r.AttnImplementation),
				fmt.Sprintf("attn_implementation %q is none of eager, sdpa, flash_attention_2, flash_attention_3 and flex_attention.", r.AttnImplementation),
				fmt.Sprintf("attn_implementation %q 不在 eager、sdpa、flash_attention_2、flash_attention_3、flex_attention 之中。", r.AttnImplementation), "attn_implementation", "sdpa")
		}},
		{"cpu-and-gpu", SeverityError, "use_cpu device", func(r *Recipe) *clash {
			return when(r.UseCPU && r.Device == "cuda",
				"use_cpu asks for the CPU and device for the GPU.",
				"use_cpu 要求用 CPU，而 device 要求用 GPU。", "use_cpu", "false")
		}},
		{"bf16-on-cpu", SeverityNote, "bf16 device", func(r *Recipe) *clash {
			return when(r.Bf16 != nil && *r.Bf16 && r.onCPU(),
				"Most CPUs have no fast bfloat16, so bf16 saves some memory there and costs speed and accuracy.",
				"多数 CPU 没有快速的 bfloat16，在其上使用 bf16 省一点内存，却损失速度与精度。", "bf16", "false")
		}},
		{"tf32-on-cpu", SeverityWarning, "tf32 device use_cpu", func(r *Recipe) *clash {
			return when(r.Tf32 != nil && *r.Tf32 && r.onCPU(),
				"tf32 is a format of NVIDIA GPUs; on the CPU it has no effect here, and transformers refuses it.",
				"tf32 是 NVIDIA GPU 的格式；在 CPU 上此处不起作用，而 transformers 会拒绝。", "tf32", "null")
		}},
		{"pure-go-device", SeverityWarning, "device", func(r *Recipe) *clash {
			return when(r.Device == "go",
				"device go computes without XLA at a small fraction of its speed; it is meant for tiny models.",
				"device go 不经 XLA，速度只有其一小部分；仅适合极小的模型。", "device", "auto")
		}},
	}
}

// onCPU reports whether the recipe asks for the CPU.
func (r *Recipe) onCPU() bool { return r.UseCPU || r.Device == "cpu" || r.Device == "go" }

// knownAttention recognizes transformers' attention names and hub kernels (owner/name).
func knownAttention(name string) bool {
	switch name {
	case "eager", "sdpa", "flash_attention_2", "flash_attention_3", "flash_attention_4", "flex_attention":
		return true
	}
	return strings.Contains(name, "/")
}

// flashInFloat32 reports whether flash attention is asked for where arithmetic
// has 32 bits; on a CPU flash-on-cpu says what matters.
func (r *Recipe) flashInFloat32() bool {
	flash := strings.HasPrefix(r.AttnImplementation, "flash_attention")
	return flash && (r.Dtype == "float32" || r.Dtype == "") && r.Arithmetic() == "float32" && !r.Fp16 && !r.onCPU()
}
