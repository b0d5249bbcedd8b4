package cmd

// What `sftui COMMAND --help` says beside the arguments: each flag, and what a
// newcomer would ask next. A test holds every flag of a usage line to it.
const (
	openDetails = `FILE is data (JSONL, JSON, parquet, CSV, text, plain or compressed) or a recipe
(.yaml); data, model, recipe and run are told apart, so that "sftui train.jsonl"
opens that file.

  --data    a file, a folder, a pattern, or a hub id as
            owner/name[:config][@revision]
  --model   a folder, a GGUF file or a hub id
  --recipe  a YAML file of TRL or open-r1, or an embedded one by name; "sftui
            recipe list" has them
  --run     the folder of a run, live or over, of sftui or of TRL
  --lang    the language of the screen; without it the locale's
`
	renderDetails = `Each input line is a JSON object with "messages", and may have "tools" and
"kwargs" (variables of the template). Each output line has "rendered" and
"generation_spans", or "error"; the status is 1 where a chat could not be
rendered.

  --template  a Jinja file; with --model its special tokens are the model's
  --model     the folder of a model, whose own template is taken
`
	checkDetails = `Each finding has its rows and, in brackets, the option that resolves it. The
status is 2 for errors and 1 for warnings.

  --recipe    a YAML file or an embedded recipe; --data and --model stand in for
              its dataset_name and model_name_or_path
  --run       checks a run's recipe, and what has changed in model and data
              since its checkpoint
  --json      {"findings": […]} on stdout
  --no-cache  reads and tokenizes all rows anew
  --fail-on   the mildest finding that makes the status 1, warning by default
  --lang      the language of the findings
`
	optionsDetails = `  --json  all that is known of each option; --markdown writes the document of
          all options
  --lang  the language of the explanations
`
	recipeDetails = `  list       the embedded recipes, which --recipe takes by name
  show FILE  every option with its value and where it came from; --raw shows the
             file as it is
  diff A B   in which options two recipes differ, defaults included
  --json     for programs; --lang is the language of the explanations
`
	trainDetails = `The run's folder is --run, else the recipe's output_dir, else a new one that
"sftui runs" lists. Steps are printed to stderr and recorded in metrics.jsonl
there; a summary in JSON goes to stdout. Ctrl-C saves a checkpoint and stops, a
second one stops at once. "sftui ctl RUN" steers the run meanwhile, "sftui open
--run RUN" shows it.

  --recipe  a YAML file of TRL or open-r1, or the name of an embedded recipe
  --resume  goes on from the last checkpoint of --run, with losses as if it had
            never stopped; refuses when data, model or recipe have changed, and
            names what
  --from    goes on from a checkpoint of another run, with its weights,
            optimizer and place in the data, under this recipe
  --at      a change at a given step, as in --at
            100:per_device_train_batch_size=8,gradient_accumulation_steps=1
  --replay  trains on these batches, [{"input_ids": …, "labels": …}, …], in
            place of the data
  --device  auto, cpu, cuda or go
  --force   starts although the recipe has errors or the memory seems too small
`
	runsDetails = `Newest first. RUN is a name of the list or a folder, also one of TRL with a
trainer_state.json.

  --root         the folder to list, in place of sftui's own
  --json         for programs
  --html         one page with the plots of all RUNs; it needs no network
  --tensorboard  writes event files, a folder for each run
  --csv          the steps as a table, - for stdout
`
	exportDetails = `OUT is a new or empty folder. transformers loads it with
AutoModelForCausalLM.from_pretrained; a LoRA run's holds the adapter, for PEFT.

  --run     the run's name or folder; sftui runs lists them
  --step    the checkpoint of that step; without it the newest
  --merge   folds a LoRA adapter into its model and writes the whole
  --gguf    writes model.gguf and a Modelfile in place of the folder, for
            "ollama create NAME -f OUT/Modelfile"
  --dtype   float32, bfloat16 or float16; without it the recipe's
  --max-shard-size  the most bytes of one weights file, such as 5GB; without it
            50GB, as in transformers
  --device  auto, cpu, cuda or go
`
	forecastDetails = `The peak is that of the heaviest micro-batch that the run will meet, in the
order in which it will meet it; its rows are named, and what would need less is
listed with what it saves. The status is 1 when memory or disk do not suffice.

  --recipe   a YAML file or an embedded recipe
  --compile  compiles that micro-batch and takes XLA's own sizes: exact, and
             slower
  --device   auto, cpu, cuda or go
  --gpu      h200, h100, a100 or a6000, which need not be here: for that GPU
             instead of the device
  --json     for programs, sizes in bytes
`
	previewDetails = `The rows are prepared exactly as a run does it: rendered, tokenized, masked,
truncated, packed.

  --data        as dataset_name; --model as model_name_or_path
  --recipe      a YAML file or an embedded recipe
  --template    a Jinja file in place of the model's chat template
  --formatting  a template that makes a row's text of its columns, such as
                {{ question }}
  --rows        the first N rows; --batches the first N batches, padded as they
                are trained
  --json        an object a line
`
	logitsDetails = `Prints JSON: the loss of the ids, and for each token the log-sum-exp, the
likeliest next id and the first eight logits.

  --model   a folder, a GGUF file or a hub id; a folder with an adapter is
            computed on its base model
  --ids     token ids; --ids-file reads them from a file
  --device  auto, cpu, cuda or go
  --dtype   float32 or bfloat16, in which it is computed
`
	benchDetails = `  data   how fast rows are read, rendered and tokenized: --data D --model M
         [--rows N] [--workers N] [--scan [--seconds S] [--store]] [--json]
  train  seconds a step, tokens a second and memory of a recipe: --recipe F
         [--steps N] [--batches B.json] [--device D]
         [--random qwen2.5-0.5b|qwen2.5-1.5b|tiny] [--peak-tflops T]
  live   what changes of the batch size cost a live run; --recipe F
  ui     how long the workbench takes to draw: [--data D] [--model M] [--json]
  compile  memory of every program of a step, compiled for a GPU that need not
         be here: --gpu h200, and --recipe, --batches and --random as train

All but ui take key=value as well.
`
	doctorDetails = `  --device  examines that device instead of the one that a run would take
  --model   also tries a folder, GGUF file or hub id: chat template, tokenizer,
            one training step
  --json    for programs
`
)
