package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"sftui/dataset"
	"sftui/engine/compute"
	"sftui/engine/run"
	"sftui/recipes"
)

// ExportOptions says which weights of a run to write where.
type ExportOptions struct {
	Run   *run.Run
	Step  int    // of the checkpoint, 0 for the newest
	Out   string // folder, which must not hold anything yet
	Merge bool   // fold a LoRA adapter into the weights
	GGUF  bool   // write model.gguf and a Modelfile, for llama.cpp and Ollama, instead of a folder
	DType string // "" as the recipe says
	// MaxShardBytes is the size above which weights go into several files, 0 for transformers' own.
	MaxShardBytes int64
	Device        string // "" as the recipe says
	Host          Host
}

// Export writes a checkpoint of a run as a model folder that transformers (or,
// for an adapter that is not merged, PEFT) loads, or as GGUF.
func Export(ctx context.Context, o ExportOptions) error {
	checkpoint, out, r, err := o.check()
	if err != nil {
		return err
	}
	dir, err := TrainedModel(ctx, r, o.Host.ResolveModel)
	if err != nil {
		return err
	}
	opened, err := o.Host.OpenModel(ctx, deviceKind(r), ComputeConfig(r, dir))
	if err != nil {
		return err
	}
	defer opened.Close()
	if err := opened.Trainer.LoadState(filepath.Join(checkpoint, optimizerDir)); err != nil {
		return fmt.Errorf("checkpoint %s: %w", checkpoint, err)
	}
	tok, err := OpenTokenizer(dir, r)
	if err != nil {
		return err
	}
	options, err := exportOptions(r, tok)
	if err = errors.Join(err, tok.Close()); err != nil {
		return err
	}
	options.Merge, options.MaxShardBytes = o.Merge, o.MaxShardBytes
	if o.DType != "" {
		options.DType, options.PairDType = o.DType, o.DType
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	if o.GGUF {
		return exportGGUF(opened.Trainer, out, options)
	}
	return exportTo(opened.Trainer, out, options)
}

// check reads what is asked for and refuses what cannot be written, before
// anything costs time: it returns the checkpoint's folder, the folder to write
// and the run's recipe.
func (o ExportOptions) check() (checkpoint, out string, r *recipes.Recipe, err error) {
	if checkpoint, err = chooseCheckpoint(o.Run, o.Step); err != nil {
		return "", "", nil, err
	}
	if out, err = filepath.Abs(o.Out); err != nil {
		return "", "", nil, err
	}
	if entries, err := os.ReadDir(out); err == nil && len(entries) > 0 {
		return "", "", nil, fmt.Errorf("%s is not empty; give a new folder", o.Out)
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", "", nil, fmt.Errorf("export: %w", err)
	}
	if r, err = recipes.Load(filepath.Join(checkpoint, run.RecipeFile)); err != nil {
		return "", "", nil, fmt.Errorf("%s: its recipe: %w", checkpoint, err)
	}
	if o.Merge && !r.UsePeft {
		return "", "", nil, errors.New("--merge: this run trained all weights, so there is no adapter to merge")
	}
	if o.GGUF && r.UsePeft && !o.Merge {
		return "", "", nil, errors.New("--gguf writes a whole model and this run trained an adapter: add --merge to fold it in")
	}
	if o.Device != "" {
		r.Device, r.UseCPU = o.Device, false
	}
	return checkpoint, out, r, nil
}

// chooseCheckpoint finds the checkpoint of a step, or the newest.
func chooseCheckpoint(r *run.Run, step int) (string, error) {
	list, err := r.Checkpoints()
	if err != nil {
		return "", err
	}
	if len(list) == 0 {
		return "", fmt.Errorf("%s has no checkpoint; a finished run has its model in %s", r.Dir, r.Path(run.ModelDir))
	}
	if step == 0 {
		return list[len(list)-1].Path, nil
	}
	var steps []string
	for _, c := range list {
		if c.Step == step {
			return c.Path, nil
		}
		steps = append(steps, strconv.Itoa(c.Step))
	}
	return "", fmt.Errorf("%s has no checkpoint of step %d; there are those of steps %s", r.Dir, step, strings.Join(steps, ", "))
}

// exportOptions are those of a run's models. Their type is the one that
// training held the weights in, as with TRL's save_model, and they carry the
// chat template and the special tokens that they were trained with.
func exportOptions(r *recipes.Recipe, tok *dataset.Tokenizer) (compute.ExportOptions, error) {
	c, err := chatTemplate(r)
	if err != nil {
		return compute.ExportOptions{}, err
	}
	o := compute.ExportOptions{BaseModel: r.ModelNameOrPath, DType: r.Dtype, ChatTemplate: c.template}
	if name := strings.ToLower(r.ModelNameOrPath); strings.HasSuffix(name, ".gguf") || strings.HasPrefix(name, "~") {
		o.BaseModel = "" // PEFT loads the folder that this was resolved to, not the name
	}
	if o.DType == "auto" {
		o.DType = ""
	}
	o.Tokens, err = specialTokens(r, tok, c.eos)
	return o, err
}

// specialTokens are the end, padding and begin tokens that a run trains with;
// cloned is the end token that came with a chat template, or "".
func specialTokens(r *recipes.Recipe, tok *dataset.Tokenizer, cloned string) (*compute.SpecialTokens, error) {
	own := tok.SpecialTokens()
	eos := cmp.Or(cloned, r.EosToken, own["eos_token"])
	t := &compute.SpecialTokens{Chosen: cloned != "" || r.EosToken != "", Cloned: cloned != ""}
	for _, token := range []struct {
		key, text string
		into      *compute.Token
	}{
		{"eos_token", eos, &t.EOS}, {"pad_token", cmp.Or(r.PadToken, own["pad_token"], eos), &t.PAD}, {"bos_token", own["bos_token"], &t.BOS},
	} {
		if token.text == "" {
			continue
		}
		id, ok := tok.TokenID(token.text)
		if !ok && token.into == &t.BOS {
			continue // nothing here depends on it
		}
		if !ok {
			return nil, fmt.Errorf("%s %q is not in the tokenizer's vocabulary (%s): use one of its tokens", token.key, token.text, tok.Name())
		}
		*token.into = compute.Token{Text: token.text, ID: id}
	}
	return t, nil
}
