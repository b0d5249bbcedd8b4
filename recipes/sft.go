package recipes

// SFTConfig are the options of TRL's SFTConfig, which extends transformers'
// TrainingArguments, in the order in which they are declared there.
type SFTConfig struct {
	OutputDir               string  `key:"output_dir" group:"duration" null:"true"`
	PerDeviceTrainBatchSize int     `key:"per_device_train_batch_size" group:"duration" min:"1"`
	NumTrainEpochs          float64 `key:"num_train_epochs" group:"duration" min:"0"`
	MaxSteps                int     `key:"max_steps" group:"duration" min:"-1"`

	LearningRate      float64 `key:"learning_rate" group:"schedule" min:"0"`
	LrSchedulerType   string  `key:"lr_scheduler_type" group:"schedule" enum:"linear|cosine|cosine_with_restarts|polynomial|constant|constant_with_warmup|inverse_sqrt|reduce_lr_on_plateau|cosine_with_min_lr|cosine_warmup_with_min_lr|warmup_stable_decay|greedy"`
	LrSchedulerKwargs Object  `key:"lr_scheduler_kwargs" group:"schedule" null:"true"`
	WarmupSteps       float64 `key:"warmup_steps" group:"schedule" min:"0"`

	Optim              string   `key:"optim" group:"optimizer" enum:"adamw_torch|adamw_torch_fused|adamw_torch_xla|adamw_torch_npu_fused|adafactor|adamw_anyprecision|adamw_torch_4bit|adamw_torch_8bit|ademamix|sgd|adagrad|adamw_bnb_8bit|adamw_8bit|ademamix_8bit|lion_8bit|lion_32bit|paged_adamw_32bit|paged_adamw_8bit|paged_ademamix_32bit|paged_ademamix_8bit|paged_lion_32bit|paged_lion_8bit|rmsprop|rmsprop_bnb|rmsprop_bnb_8bit|rmsprop_bnb_32bit|galore_adamw|galore_adamw_8bit|galore_adafactor|galore_adamw_layerwise|galore_adamw_8bit_layerwise|galore_adafactor_layerwise|lomo|adalomo|grokadamw|schedule_free_radam|schedule_free_adamw|schedule_free_sgd|apollo_adamw|apollo_adamw_layerwise|stable_adamw"`
	OptimArgs          string   `key:"optim_args" group:"optimizer" null:"true"`
	WeightDecay        float64  `key:"weight_decay" group:"optimizer" min:"0"`
	AdamBeta1          float64  `key:"adam_beta1" group:"optimizer" min:"0" max:"1"`
	AdamBeta2          float64  `key:"adam_beta2" group:"optimizer" min:"0" max:"1"`
	AdamEpsilon        float64  `key:"adam_epsilon" group:"optimizer" min:"0"`
	OptimTargetModules []string `key:"optim_target_modules" group:"optimizer" null:"true"`

	GradientAccumulationSteps  int     `key:"gradient_accumulation_steps" group:"stability" min:"1"`
	AverageTokensAcrossDevices bool    `key:"average_tokens_across_devices" group:"stability"`
	MaxGradNorm                float64 `key:"max_grad_norm" group:"stability" min:"0"`
	LabelSmoothingFactor       float64 `key:"label_smoothing_factor" group:"stability" min:"0" max:"1"`

	Bf16         *bool `key:"bf16" group:"precision" null:"true"`
	Fp16         bool  `key:"fp16" group:"precision"`
	Bf16FullEval bool  `key:"bf16_full_eval" group:"precision"`
	Fp16FullEval bool  `key:"fp16_full_eval" group:"precision"`
	Tf32         *bool `key:"tf32" group:"precision" null:"true"`

	ActivationCheckpointing       *bool  `key:"activation_checkpointing" group:"checkpointing" null:"true"`
	ActivationCheckpointingKwargs Object `key:"activation_checkpointing_kwargs" group:"checkpointing" null:"true"`
	GradientCheckpointing         bool   `key:"gradient_checkpointing" group:"checkpointing"`
	GradientCheckpointingKwargs   Object `key:"gradient_checkpointing_kwargs" group:"checkpointing" null:"true"`

	TorchCompile        bool   `key:"torch_compile" group:"compilation"`
	TorchCompileBackend string `key:"torch_compile_backend" group:"compilation" null:"true"`
	TorchCompileMode    string `key:"torch_compile_mode" group:"compilation" null:"true"`

	UseLigerKernel    bool   `key:"use_liger_kernel" group:"kernels"`
	LigerKernelConfig Object `key:"liger_kernel_config" group:"kernels" null:"true"`

	UseCache             bool     `key:"use_cache" group:"further"`
	NeftuneNoiseAlpha    *float64 `key:"neftune_noise_alpha" group:"further" min:"0" null:"true"`
	TorchEmptyCacheSteps *int     `key:"torch_empty_cache_steps" group:"further" min:"1" null:"true"`
	AutoFindBatchSize    bool     `key:"auto_find_batch_size" group:"further"`

	LoggingStrategy           string  `key:"logging_strategy" group:"logging" enum:"no|steps|epoch"`
	LoggingSteps              float64 `key:"logging_steps" group:"logging" min:"0"`
	LoggingFirstStep          bool    `key:"logging_first_step" group:"logging"`
	LogOnEachNode             bool    `key:"log_on_each_node" group:"logging"`
	LoggingNanInfFilter       bool    `key:"logging_nan_inf_filter" group:"logging"`
	IncludeNumInputTokensSeen string  `key:"include_num_input_tokens_seen" group:"logging" enum:"no|all|non_padding"`
	LogLevel                  string  `key:"log_level" group:"logging" enum:"detail|debug|info|warning|error|critical|passive"`
	LogLevelReplica           string  `key:"log_level_replica" group:"logging" enum:"detail|debug|info|warning|error|critical|passive"`
	DisableTqdm               *bool   `key:"disable_tqdm" group:"logging" null:"true"`

	ReportTo             []string `key:"report_to" group:"tracking" null:"true"`
	RunName              string   `key:"run_name" group:"tracking" null:"true"`
	Project              string   `key:"project" group:"tracking"`
	TrackioSpaceID       string   `key:"trackio_space_id" group:"tracking" null:"true"`
	TrackioBucketID      string   `key:"trackio_bucket_id" group:"tracking" null:"true"`
	TrackioStaticSpaceID string   `key:"trackio_static_space_id" group:"tracking" null:"true"`

	EvalStrategy           string   `key:"eval_strategy" group:"evaluation" enum:"no|steps|epoch"`
	EvalSteps              *float64 `key:"eval_steps" group:"evaluation" min:"0" null:"true"`
	EvalDelay              float64  `key:"eval_delay" group:"evaluation" min:"0"`
	PerDeviceEvalBatchSize int      `key:"per_device_eval_batch_size" group:"evaluation" min:"1"`
	PredictionLossOnly     bool     `key:"prediction_loss_only" group:"evaluation"`
	EvalOnStart            bool     `key:"eval_on_start" group:"evaluation"`
	EvalDoConcatBatches    bool     `key:"eval_do_concat_batches" group:"evaluation"`
	EvalUseGatherObject    bool     `key:"eval_use_gather_object" group:"evaluation"`
	EvalAccumulationSteps  *int     `key:"eval_accumulation_steps" group:"evaluation" min:"1" null:"true"`
	IncludeForMetrics      []string `key:"include_for_metrics" group:"evaluation"`
	BatchEvalMetrics       bool     `key:"batch_eval_metrics" group:"evaluation"`

	SaveOnlyModel       bool    `key:"save_only_model" group:"saving"`
	SaveStrategy        string  `key:"save_strategy" group:"saving" enum:"no|steps|epoch|best"`
	SaveSteps           float64 `key:"save_steps" group:"saving" min:"0"`
	SaveOnEachNode      bool    `key:"save_on_each_node" group:"saving"`
	SaveTotalLimit      *int    `key:"save_total_limit" group:"saving" min:"0" null:"true"`
	EnableJitCheckpoint bool    `key:"enable_jit_checkpoint" group:"saving"`

	PushToHub      bool   `key:"push_to_hub" group:"hub"`
	HubToken       string `key:"hub_token" group:"hub" null:"true"`
	HubPrivateRepo *bool  `key:"hub_private_repo" group:"hub" null:"true"`
	HubModelID     string `key:"hub_model_id" group:"hub" null:"true"`
	HubStrategy    string `key:"hub_strategy" group:"hub" enum:"end|every_save|checkpoint|all_checkpoints"`
	HubAlwaysPush  bool   `key:"hub_always_push" group:"hub"`
	HubRevision    string `key:"hub_revision" group:"hub" null:"true"`

	LoadBestModelAtEnd bool   `key:"load_best_model_at_end" group:"best"`
	MetricForBestModel string `key:"metric_for_best_model" group:"best" null:"true"`
	GreaterIsBetter    *bool  `key:"greater_is_better" group:"best" null:"true"`

	IgnoreDataSkip                      bool `key:"ignore_data_skip" group:"resume"`
	RestoreCallbackStatesFromCheckpoint bool `key:"restore_callback_states_from_checkpoint" group:"resume"`

	FullDeterminism bool `key:"full_determinism" group:"reproducibility"`
	Seed            int  `key:"seed" group:"reproducibility" min:"0" max:"4294967295"`
	DataSeed        *int `key:"data_seed" group:"reproducibility" min:"0" max:"4294967295" null:"true"`

	UseCPU            bool   `key:"use_cpu" group:"hardware"`
	AcceleratorConfig Object `key:"accelerator_config" group:"hardware" null:"true"`
	ParallelismConfig Object `key:"parallelism_config" group:"hardware" null:"true"`

	DataloaderDropLast               bool     `key:"dataloader_drop_last" group:"dataloader"`
	DataloaderNumWorkers             int      `key:"dataloader_num_workers" group:"dataloader" min:"0"`
	DataloaderPinMemory              bool     `key:"dataloader_pin_memory" group:"dataloader"`
	DataloaderPersistentWorkers      bool     `key:"dataloader_persistent_workers" group:"dataloader"`
	DataloaderPrefetchFactor         *int     `key:"dataloader_prefetch_factor" group:"dataloader" min:"1" null:"true"`
	DataloaderMultiprocessingContext string   `key:"dataloader_multiprocessing_context" group:"dataloader" enum:"fork|spawn|forkserver" null:"true"`
	DataloaderInOrder                bool     `key:"dataloader_in_order" group:"dataloader"`
	RemoveUnusedColumns              bool     `key:"remove_unused_columns" group:"dataloader"`
	LabelNames                       []string `key:"label_names" group:"dataloader" null:"true"`
	TrainSamplingStrategy            string   `key:"train_sampling_strategy" group:"dataloader" enum:"random|sequential|group_by_length|batch_rebalance"`
	LengthColumnName                 string   `key:"length_column_name" group:"dataloader"`

	DdpFindUnusedParameters *bool  `key:"ddp_find_unused_parameters" group:"distributed" null:"true"`
	DdpBucketCapMb          *int   `key:"ddp_bucket_cap_mb" group:"distributed" min:"1" null:"true"`
	DdpBroadcastBuffers     *bool  `key:"ddp_broadcast_buffers" group:"distributed" null:"true"`
	DdpStaticGraph          *bool  `key:"ddp_static_graph" group:"distributed" null:"true"`
	DdpBackend              string `key:"ddp_backend" group:"distributed" enum:"nccl|gloo|mpi|xccl|hccl|cncl|mccl" null:"true"`
	DdpTimeout              int    `key:"ddp_timeout" group:"distributed" min:"1"`
	Fsdp                    string `key:"fsdp" group:"distributed" null:"true"`
	FsdpConfig              Object `key:"fsdp_config" group:"distributed" null:"true"`
	Deepspeed               Object `key:"deepspeed" group:"distributed" null:"true"`

	Debug             []string `key:"debug" group:"debugging"`
	SkipMemoryMetrics bool     `key:"skip_memory_metrics" group:"debugging"`

	DoTrain   bool `key:"do_train" group:"script"`
	DoEval    bool `key:"do_eval" group:"script"`
	DoPredict bool `key:"do_predict" group:"script"`

	ResumeFromCheckpoint string `key:"resume_from_checkpoint" group:"resume" null:"true"`

	LocalRank int `key:"local_rank" group:"distributed"`

	ModelInitKwargs   Object   `key:"model_init_kwargs" group:"model" null:"true"`
	TrustRemoteCode   bool     `key:"trust_remote_code" group:"model"`
	RouterAuxLossCoef *float64 `key:"router_aux_loss_coef" group:"model" min:"0" null:"true"`
	ChatTemplatePath  string   `key:"chat_template_path" group:"model" null:"true"`

	DatasetTextField string     `key:"dataset_text_field" group:"preprocessing"`
	DatasetKwargs    Object     `key:"dataset_kwargs" group:"preprocessing" null:"true"`
	DatasetNumProc   *int       `key:"dataset_num_proc" group:"preprocessing" min:"1" null:"true"`
	EosToken         string     `key:"eos_token" group:"preprocessing" null:"true"`
	MaxLength        *int       `key:"max_length" group:"preprocessing" min:"1" null:"true"`
	TruncationMode   string     `key:"truncation_mode" group:"preprocessing" enum:"keep_start|keep_end"`
	ShuffleDataset   bool       `key:"shuffle_dataset" group:"preprocessing"`
	Packing          bool       `key:"packing" group:"preprocessing"`
	PackingStrategy  string     `key:"packing_strategy" group:"preprocessing" enum:"bfd|bfd_split|wrapped"`
	PaddingFree      bool       `key:"padding_free" group:"preprocessing"`
	PadToMultipleOf  MultipleOf `key:"pad_to_multiple_of" group:"preprocessing" null:"true"`
	EvalPacking      *bool      `key:"eval_packing" group:"preprocessing" null:"true"`

	CompletionOnlyLoss   *bool  `key:"completion_only_loss" group:"loss" null:"true"`
	AssistantOnlyLoss    bool   `key:"assistant_only_loss" group:"loss"`
	LossType             string `key:"loss_type" group:"loss" enum:"nll|dft|chunked_nll"`
	ActivationOffloading bool   `key:"activation_offloading" group:"loss"`

	PadToken string `key:"pad_token" group:"preprocessing" null:"true"`
}
