package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"sftui/dataset"
	"sftui/engine/compute"
	"sftui/engine/model"
	"sftui/engine/weights"
	"sftui/recipes"
)

// OpenTokenizer opens the tokenizer that a recipe trains the model in dir with:
// its own, or where chat_template_path names a tokenizer's folder the one that
// TRL's clone_chat_template makes of both.
func OpenTokenizer(dir string, r *recipes.Recipe) (*dataset.Tokenizer, error) {
	if !clones(r) {
		return dataset.OpenTokenizer(dir)
	}
	c, err := dataset.OpenCloned(dir, r.ChatTemplatePath)
	if err != nil {
		return nil, err
	}
	return c.Tokenizer, nil
}

// clones says whether the recipe takes a chat template with its tokenizer.
func clones(r *recipes.Recipe) bool {
	if r.ChatTemplate != "" || r.ChatTemplatePath == "" {
		return false
	}
	info, err := os.Stat(r.ChatTemplatePath)
	return err == nil && info.IsDir()
}

// TrainedModel finds the folder of the model that a recipe trains. Where a
// cloned chat template changes the number of tokens it is a folder in the cache
// in which embedding and head are resized, made once for each model, tokenizer
// and seed. resolve finds the folder of model_name_or_path.
func TrainedModel(ctx context.Context, r *recipes.Recipe, resolve func(ctx context.Context, nameOrPath, revision string) (string, error)) (string, error) {
	dir, err := resolve(ctx, r.ModelNameOrPath, r.ModelRevision)
	if err != nil || !clones(r) {
		return dir, err
	}
	c, err := dataset.OpenCloned(dir, r.ChatTemplatePath)
	if err != nil {
		return "", err
	}
	defer c.Close() //nolint:errcheck // only read from
	config, err := model.ReadConfig(dir)
	if err != nil || len(c.Added) == 0 && config.VocabSize == c.Rows {
		return dir, err
	}
	if r.UsePeft && c.Wanted > 0 && !savesRows(r) {
		return "", fmt.Errorf("chat_template_path adds %d tokens to the model, and with use_peft their rows would stay as they were drawn (TRL trains these rows of embed_tokens and a whole lm_head; for models with tied embeddings TRL 1.16 stops with an AttributeError): set lora_modules_to_save to [embed_tokens, lm_head], which trains both whole, or name a template file (.jinja) that is written with the model's own tokens", c.Wanted)
	}
	out, err := clonedFolder(dir, c, int64(r.Seed))
	if err != nil {
		return "", fmt.Errorf("chat_template_path: resize the model's embedding: %w", err)
	}
	return out, nil
}

// AdapterBase is the folder of the base model that an adapter's folder fits: dir,
// or where the adapter was trained with tokens that a chat template brought, the
// model with rows for them, as PEFT's AutoPeftModel resizes it.
func AdapterBase(dir, adapter string) (string, error) {
	if _, err := os.Stat(filepath.Join(adapter, "tokenizer.json")); err != nil {
		return dir, nil
	}
	c, err := dataset.OpenCloned(dir, adapter)
	if err != nil {
		return "", err
	}
	defer c.Close() //nolint:errcheck // only read from
	if c.Wanted == 0 {
		return dir, nil
	}
	return clonedFolder(dir, c, 0)
}

// savesRows says whether embedding and head are trained whole beside an adapter.
func savesRows(r *recipes.Recipe) bool {
	c := compute.LoRAConfig{ModulesToSave: r.LoraModulesToSave}
	return c.Saves(model.EmbedName) && c.Saves(model.HeadName)
}

// clonedFolder is the folder of the resized model, made where it is not there yet.
func clonedFolder(dir string, c *dataset.Cloned, seed int64) (string, error) {
	cache, err := dataset.CacheDir()
	if err != nil {
		return "", err
	}
	mark, err := folderMark(dir)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %d %d", mark, c.Fingerprint(), c.Rows, seed))
	out := filepath.Join(cache, "cloned-"+hex.EncodeToString(sum[:12]))
	if whole(out) {
		return out, nil
	}
	if err := os.RemoveAll(out); err != nil {
		return "", err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(cache, "cloning-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp) //nolint:errcheck // a rest only takes room
	if err := writeCloned(dir, tmp, c, seed); err != nil {
		return "", err
	}
	if err := os.Rename(tmp, out); err != nil && !whole(out) { // another process may have been first
		return "", err
	}
	return out, nil
}

// whole says whether a cloned folder is complete: the files that it links to may
// have gone.
func whole(dir string) bool {
	shards, err := weights.Shards(dir)
	return err == nil && len(shards) > 0
}

// folderMark identifies the files of a model folder by name, size and time.
func folderMark(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintln(h, abs)
	for _, e := range entries {
		info, err := os.Stat(filepath.Join(dir, e.Name()))
		if err != nil {
			return "", err
		}
		if info.Mode().IsRegular() {
			fmt.Fprintln(h, e.Name(), info.Size(), info.ModTime().UnixNano())
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// writeCloned fills the folder of the resized model.
func writeCloned(dir, out string, c *dataset.Cloned, seed int64) error {
	eos, id := c.EOS()
	added, err := c.AddedTokensDecoder()
	if err != nil {
		return err
	}
	resize := compute.Resize{From: dir, To: out, Rows: c.Rows, EOS: compute.Token{Text: eos, ID: id}, Seed: seed, Added: added}
	if err := resize.Write(); err != nil {
		return err
	}
	if err := weights.WriteFile(filepath.Join(out, "tokenizer.json"), c.JSON()); err != nil {
		return err
	}
	if err := weights.WriteFile(filepath.Join(out, "chat_template.jinja"), []byte(c.ChatTemplate())); err != nil {
		return err
	}
	return linkOthers(dir, out)
}

// linkOthers makes the model's other files, such as vocab.json, files of the
// resized model too.
func linkOthers(dir, out string) error {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := os.Stat(filepath.Join(dir, e.Name()))
		if err != nil || !info.Mode().IsRegular() || strings.Contains(e.Name(), ".safetensors") || strings.HasSuffix(e.Name(), ".bin") || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if err := os.Symlink(filepath.Join(abs, e.Name()), filepath.Join(out, e.Name())); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}
