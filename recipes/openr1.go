package recipes

// OpenR1Config are the keys that open-r1 adds to TRL's in its SFT recipes.
type OpenR1Config struct {
	DatasetMixture *DatasetMixture `key:"dataset_mixture" group:"openr1" null:"true"`
	ChatTemplate   string          `key:"chat_template" group:"openr1" null:"true"`
	SystemPrompt   string          `key:"system_prompt" group:"openr1" null:"true"`
	Benchmarks     []string        `key:"benchmarks" group:"openr1"`
	Callbacks      []string        `key:"callbacks" group:"openr1"`

	HubModelRevision     string `key:"hub_model_revision" group:"openr1" null:"true"`
	OverwriteHubRevision bool   `key:"overwrite_hub_revision" group:"openr1"`
	PushToHubRevision    bool   `key:"push_to_hub_revision" group:"openr1"`

	WandbEntity   string `key:"wandb_entity" group:"openr1" null:"true"`
	WandbProject  string `key:"wandb_project" group:"openr1" null:"true"`
	WandbRunGroup string `key:"wandb_run_group" group:"openr1" null:"true"`
}

// DatasetMixture is open-r1's dataset_mixture: several data sets drawn into one.
type DatasetMixture struct {
	Datasets      []MixtureDataset `key:"datasets"`
	Seed          int              `key:"seed"`
	TestSplitSize *float64         `key:"test_split_size"` // share of the mixture held out for evaluation
}

// MixtureDataset is one data set of a mixture.
type MixtureDataset struct {
	ID      string   `key:"id"`
	Config  string   `key:"config"`
	Split   string   `key:"split"`   // "train" when empty
	Columns []string `key:"columns"` // all columns when empty
	Weight  *float64 `key:"weight"`  // share of the rows to keep; all when nil
}
