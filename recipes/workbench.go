package recipes

// WorkbenchConfig are sftui's own keys: things that TRL asks Python code for,
// or does not have.
type WorkbenchConfig struct {
	EvalDatasetName string  `key:"eval_dataset_name" group:"workbench" null:"true"`
	EvalHoldout     float64 `key:"eval_holdout" group:"workbench" min:"0"`

	Formatting         string            `key:"formatting" group:"workbench" null:"true"`
	Columns            map[string]string `key:"columns" group:"workbench" null:"true"`
	ChatTemplateKwargs Object            `key:"chat_template_kwargs" group:"workbench" null:"true"`
	LongRows           string            `key:"long_rows" group:"workbench" enum:"truncate|drop|split"`

	Device             string   `key:"device" group:"workbench" enum:"auto|cpu|cuda|go"`
	NanPolicy          string   `key:"nan_policy" group:"workbench" enum:"stop|skip"`
	SamplePrompts      []string `key:"sample_prompts" group:"workbench"`
	SampleMaxNewTokens int      `key:"sample_max_new_tokens" group:"workbench" min:"1"`
}
