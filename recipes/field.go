package recipes

// Language is one of the languages that explanations exist in.
type Language string

// The languages.
const (
	English Language = "en"
	Chinese Language = "zh"
)

// Field is everything that is known of one option.
type Field struct {
	Key      string
	GoName   string // name in the struct Recipe
	Class    string // ScriptArguments, ModelConfig, SFTConfig, OpenR1Config or WorkbenchConfig
	Group    string // id of its Group
	Kind     Kind
	Nullable bool
	Default  string // as Get returns it
	Enum     []string
	Min, Max *float64

	Help   string // short English explanation, at most 80 characters
	Doc    Texts
	Peers  Peers
	Status Status
}

// Texts are an option's explanations in both languages.
type Texts struct{ English, Chinese Doc }

// In returns the explanation in a language.
func (t Texts) In(l Language) Doc {
	if l == Chinese {
		return t.Chinese
	}
	return t.English
}

// Doc explains an option in one language.
type Doc struct {
	Short        string // at most 80 characters
	What         string // what it does
	When         string // when to change it
	Memory       Effect
	Speed        Effect
	Quality      Effect
	Interactions string // other options it works with or against, "" when none
}

// Effect is what raising or enabling an option does to memory, speed or quality.
type Effect struct {
	Sign string // "+" more memory, faster, better; "-" the opposite; "±" depends; "0" none
	Text string
}

// Peers are the names of the same option in other tools, "" where there is none.
type Peers struct {
	Axolotl      string
	LLaMAFactory string
}

// State says what sftui does with an option.
type State string

// The states of an option.
const (
	Honoured    State = "honoured"      // works as in TRL
	Accepted    State = "accepted"      // read and kept, without effect
	Unsupported State = "not supported" // would change the training; sftui cannot do it
)

// Status is an option's state with the reason, or what to use instead.
type Status struct {
	State   State
	English string
	Chinese string
}

// Why returns the reason in a language; it is empty for most honoured options.
func (s Status) Why(l Language) string {
	if l == Chinese {
		return s.Chinese
	}
	return s.English
}

// Group is a section of options, as in TRL's and transformers' documentation.
type Group struct {
	ID      string
	English string
	Chinese string
}

// Groups returns the sections in the order in which they are shown.
func Groups() []Group {
	return []Group{
		{"model", "Model", "模型"},
		{"source", "Data source", "数据来源"},
		{"preprocessing", "Data preprocessing", "数据预处理"},
		{"loss", "What is trained on", "训练目标"},
		{"duration", "Duration and batch size", "训练时长与批大小"},
		{"stability", "Accumulation and stability", "梯度累积与稳定性"},
		{"schedule", "Learning rate and schedule", "学习率与调度"},
		{"optimizer", "Optimizer", "优化器"},
		{"peft", "LoRA and adapters", "LoRA 与适配器"},
		{"quantization", "Quantization", "量化"},
		{"precision", "Precision", "精度"},
		{"checkpointing", "Activation checkpointing", "激活检查点"},
		{"kernels", "Kernels", "算子内核"},
		{"compilation", "Compilation", "编译"},
		{"further", "Further optimizations", "其他优化"},
		{"evaluation", "Evaluation", "评估"},
		{"saving", "Checkpoints and saving", "检查点与保存"},
		{"best", "Best model", "最佳模型"},
		{"resume", "Resuming", "续训"},
		{"reproducibility", "Reproducibility", "可复现性"},
		{"logging", "Logging", "日志"},
		{"tracking", "Experiment tracking", "实验跟踪"},
		{"hub", "Hugging Face hub", "Hugging Face Hub"},
		{"dataloader", "Data loading", "数据加载"},
		{"hardware", "Hardware and launcher", "硬件与启动"},
		{"distributed", "Distributed training", "分布式训练"},
		{"debugging", "Debugging", "调试"},
		{"script", "Script flags", "脚本开关"},
		{"openr1", "open-r1", "open-r1"},
		{"workbench", "sftui", "sftui"},
	}
}
