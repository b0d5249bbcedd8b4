package recipes

// ScriptArguments are the options of TRL's ScriptArguments: which data to read.
type ScriptArguments struct {
	DatasetName       string `key:"dataset_name" group:"source" null:"true"`
	DatasetConfig     string `key:"dataset_config" group:"source" null:"true"`
	DatasetTrainSplit string `key:"dataset_train_split" group:"source"`
	DatasetTestSplit  string `key:"dataset_test_split" group:"source"`
	DatasetStreaming  bool   `key:"dataset_streaming" group:"source"`

	IgnoreBiasBuffers bool `key:"ignore_bias_buffers" group:"distributed"`
}

// ModelConfig are the options of TRL's ModelConfig: which model to load and
// whether an adapter is trained instead of its weights.
type ModelConfig struct {
	ModelNameOrPath    string `key:"model_name_or_path" group:"model" null:"true"`
	ModelRevision      string `key:"model_revision" group:"model"`
	Dtype              string `key:"dtype" group:"model" enum:"auto|float32|bfloat16|float16" null:"true"`
	AttnImplementation string `key:"attn_implementation" group:"model" null:"true"`

	UsePeft              bool     `key:"use_peft" group:"peft"`
	LoraR                int      `key:"lora_r" group:"peft" min:"1"`
	LoraAlpha            int      `key:"lora_alpha" group:"peft" min:"1"`
	LoraDropout          float64  `key:"lora_dropout" group:"peft" min:"0" max:"1"`
	LoraTargetModules    []string `key:"lora_target_modules" group:"peft" null:"true"`
	LoraTargetParameters []string `key:"lora_target_parameters" group:"peft" null:"true"`
	LoraModulesToSave    []string `key:"lora_modules_to_save" group:"peft" null:"true"`
	LoraTaskType         string   `key:"lora_task_type" group:"peft"`
	UseRslora            bool     `key:"use_rslora" group:"peft"`
	UseDora              bool     `key:"use_dora" group:"peft"`

	LoadIn8bit          bool   `key:"load_in_8bit" group:"quantization"`
	LoadIn4bit          bool   `key:"load_in_4bit" group:"quantization"`
	Bnb4bitQuantType    string `key:"bnb_4bit_quant_type" group:"quantization" enum:"nf4|fp4"`
	UseBnbNestedQuant   bool   `key:"use_bnb_nested_quant" group:"quantization"`
	Bnb4bitQuantStorage string `key:"bnb_4bit_quant_storage" group:"quantization" null:"true"`
}
