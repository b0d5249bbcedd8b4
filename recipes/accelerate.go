package recipes

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Accelerate is what a launch configuration of accelerate (ddp, fsdp, zero2,
// zero3 …) asks for.
type Accelerate struct {
	Name        string
	Kind        string // NO, MULTI_GPU, FSDP, DEEPSPEED, MULTI_CPU …
	Processes   int
	Machines    int
	Precision   string // "no", "bf16", "fp16"
	ZeroStage   int    // 0 when not DeepSpeed
	Offload     bool   // parameters or optimizer states in main memory
	Sharding    string // FSDP's sharding strategy, "" when none
	UseCPU      bool
	Splits      int // processes that share one row (context or sequence parallelism), 0 for none
	Accumulates int // gradient_accumulation_steps in the DeepSpeed part, 0 for none or "auto"
	Clips       float64
}

// looksLikeAccelerate recognizes a launch configuration of accelerate by keys
// that no recipe has.
func looksLikeAccelerate(root *yaml.Node) bool {
	for i := 0; i+1 < len(root.Content); i += 2 {
		switch root.Content[i].Value {
		case "distributed_type", "compute_environment":
			return true
		}
	}
	return false
}

// IsAccelerate reports whether the YAML is a launch configuration of accelerate.
func IsAccelerate(data []byte) bool {
	root, err := parseYAML("", data)
	return err == nil && root != nil && looksLikeAccelerate(root)
}

// ParseAccelerate reads a launch configuration; name is its file's, for errors.
func ParseAccelerate(name string, data []byte) (*Accelerate, error) {
	root, perr := parseYAML(name, data)
	if perr != nil {
		return nil, perr
	}
	if root == nil || !looksLikeAccelerate(root) {
		return nil, &Error{File: name, Message: "is not a configuration of accelerate: it has no distributed_type"}
	}
	budget := maxNodes
	v, err := plain(root, 0, &budget)
	if err != nil {
		return nil, located(name, "", root.Line, err)
	}
	o, _ := v.(Object)
	a := &Accelerate{Name: name, Kind: strings.ToUpper(text(o["distributed_type"])), Precision: strings.ToLower(text(o["mixed_precision"]))}
	if a.Kind == "" || a.Kind == "FALSE" {
		a.Kind = "NO"
	}
	if a.Precision == "" || a.Precision == "false" {
		a.Precision = "no"
	}
	a.Processes, a.Machines = atLeastOne(o["num_processes"]), atLeastOne(o["num_machines"])
	if a.Kind == "NO" {
		a.Processes = 1 // accelerate launches one, whatever num_processes says
	}
	a.UseCPU, _ = o["use_cpu"].(bool)
	if p, ok := o["parallelism_config"].(Object); ok {
		for _, k := range []string{"parallelism_config_cp_size", "parallelism_config_sp_size"} {
			if n, ok := asFloat(p[k]); ok && n > 1 {
				a.Splits = int(n)
			}
		}
	}
	a.readDeepspeed(o)
	a.readFSDP(o)
	return a, nil
}

// readDeepspeed reads the ZeRO part.
func (a *Accelerate) readDeepspeed(o Object) {
	ds, ok := o["deepspeed_config"].(Object)
	if !ok || a.Kind != "DEEPSPEED" {
		return
	}
	stage, _ := asFloat(ds["zero_stage"])
	steps, _ := asFloat(ds["gradient_accumulation_steps"])
	a.ZeroStage, a.Accumulates = int(stage), int(steps)
	a.Clips, _ = asFloat(ds["gradient_clipping"])
	for _, k := range []string{"offload_optimizer_device", "offload_param_device"} {
		if d := text(ds[k]); d != "" && d != "none" {
			a.Offload = true
		}
	}
}

// readFSDP reads the FSDP part.
func (a *Accelerate) readFSDP(o Object) {
	f, ok := o["fsdp_config"].(Object)
	if !ok || a.Kind != "FSDP" {
		return
	}
	a.Sharding = text(f["fsdp_sharding_strategy"])
	if a.Sharding == "" {
		a.Sharding = "FULL_SHARD"
		switch reshard := strings.ToUpper(text(f["fsdp_reshard_after_forward"])); reshard { // FSDP2 says it in other words
		case "FALSE", "SHARD_GRAD_OP":
			a.Sharding = "SHARD_GRAD_OP"
		case "HYBRID_SHARD", "NO_SHARD":
			a.Sharding = reshard
		}
	}
	a.Offload, _ = f["fsdp_offload_params"].(bool)
}

// text returns a scalar of an Object as text, "" when absent.
func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// atLeastOne reads a count; what is missing is one.
func atLeastOne(v any) int {
	n, ok := asFloat(v)
	if !ok || n < 1 {
		return 1
	}
	return int(n)
}

// replicas is how many micro-batches a step of the launched processes takes at once.
func (a *Accelerate) replicas() int { return max(1, a.Processes/max(1, a.Splits)) }

// Explain says in sentences what the configuration asks for, what that does, and
// what it means for a run in sftui.
func (a *Accelerate) Explain(l Language) []string {
	pick := func(english, chinese string) string {
		if l != Chinese {
			return english
		}
		return chinese
	}
	out := []string{pick(a.kind())}
	if a.Splits > 1 {
		out = append(out, pick(fmt.Sprintf("%d processes share each row, so that longer rows fit; they take the same rows, not more of them.", a.Splits),
			fmt.Sprintf("每行由 %d 个进程分担，以放下更长的行；它们取的是相同的行，而不是更多的行。", a.Splits)))
	}
	if n := a.replicas(); n > 1 {
		out = append(out, pick(fmt.Sprintf("%d processes on %d machine(s): each step takes %d times per_device_train_batch_size rows; on one device multiply gradient_accumulation_steps by %d to keep the steps the same.", a.Processes, a.Machines, n, n),
			fmt.Sprintf("%d 个进程、%d 台机器：每步取 %d 倍 per_device_train_batch_size 行；在单设备上把 gradient_accumulation_steps 乘以 %d 可保持每步的行数不变。", a.Processes, a.Machines, n, n)))
	}
	if a.Offload {
		out = append(out, pick("Parts of the model are kept in main memory, which saves GPU memory and costs much speed.", "部分模型放在内存中，省显存但大幅降低速度。"))
	}
	switch a.Precision {
	case "bf16":
		out = append(out, pick("Arithmetic in bfloat16 (the recipe's bf16: true).", "以 bfloat16 计算（即配方中的 bf16: true）。"))
	case "fp16":
		out = append(out, pick("Arithmetic in float16, which sftui does not do; use bf16: true.", "以 float16 计算，sftui 不支持；请用 bf16: true。"))
	}
	if a.Accumulates > 1 || a.Clips > 0 {
		out = append(out, pick("Accumulation or clipping written here is overridden by the recipe's gradient_accumulation_steps and max_grad_norm.",
			"此处写的累积或裁剪以配方的 gradient_accumulation_steps 与 max_grad_norm 为准。"))
	}
	return append(out, pick("sftui trains on one device: instead of sharding use gradient_checkpointing, bf16, use_peft or a smaller per_device_train_batch_size with more accumulation; `sftui forecast` says what each saves.",
		"sftui 在单设备上训练：请用 gradient_checkpointing、bf16、use_peft，或更小的 per_device_train_batch_size 加更多累积来代替切分；`sftui forecast` 会说明各能省多少。"))
}

// kind says in English and Chinese how the configuration spreads the model over
// processes.
func (a *Accelerate) kind() (english, chinese string) {
	switch {
	case a.Kind == "DEEPSPEED" && a.ZeroStage == 3:
		return "DeepSpeed ZeRO-3: each GPU holds a part of the weights, gradients and optimizer moments, and layers are gathered when they are needed.",
			"DeepSpeed ZeRO-3：每张卡只存一部分权重、梯度与优化器状态，用到某层时再收集。"
	case a.Kind == "DEEPSPEED" && a.ZeroStage == 1:
		return "DeepSpeed ZeRO-1: the optimizer moments are divided among the GPUs, weights and gradients are whole on each.",
			"DeepSpeed ZeRO-1：优化器状态分摊到各卡，权重与梯度在每张卡上都是完整的。"
	case a.Kind == "DEEPSPEED" && a.ZeroStage == 0:
		return "DeepSpeed without ZeRO: every GPU holds the whole model, as with DDP.",
			"不启用 ZeRO 的 DeepSpeed：与 DDP 一样，每张卡都有完整模型。"
	case a.Kind == "DEEPSPEED":
		return fmt.Sprintf("DeepSpeed ZeRO-%d: gradients and optimizer moments are divided among the GPUs, the weights are whole on each.", a.ZeroStage),
			fmt.Sprintf("DeepSpeed ZeRO-%d：梯度与优化器状态分摊到各卡，权重在每张卡上都是完整的。", a.ZeroStage)
	case a.Kind == "FSDP" && a.Sharding == "SHARD_GRAD_OP":
		return "FSDP SHARD_GRAD_OP: gradients and moments are divided among the GPUs, and the weights stay whole between forward and backward, much as with ZeRO-2.",
			"FSDP SHARD_GRAD_OP：梯度与状态分摊到各卡，权重在前向与反向之间保持完整，类似 ZeRO-2。"
	case a.Kind == "FSDP" && a.Sharding == "NO_SHARD":
		return "FSDP NO_SHARD: nothing is divided, as with DDP.", "FSDP NO_SHARD：不切分，与 DDP 相同。"
	case a.Kind == "FSDP":
		return "FSDP " + a.Sharding + ": PyTorch's own sharding of weights, gradients and moments over the GPUs.",
			"FSDP " + a.Sharding + "：PyTorch 自带的切分，把权重、梯度与状态分布到各卡。"
	case a.Kind == "MULTI_GPU":
		return "DDP: every GPU holds the whole model and takes its own rows; gradients are averaged each step.",
			"DDP：每张卡都有完整模型，各取自己的行，每步平均梯度。"
	case a.Kind == "NO":
		return "One process on one device.", "单进程、单设备。"
	default:
		return "Launch type " + a.Kind + ".", "启动类型 " + a.Kind + "。"
	}
}
