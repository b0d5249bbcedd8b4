package setup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"sftui/engine/weights"
)

// ResolveModel returns the Hugging Face model folder that model_name_or_path means: a folder, a GGUF file (converted
// once into the cache, under its SHA-256), the default model by its name, or a hub id at a revision ("" is main).
// An empty name is the default model. What exists on disk wins over a hub id of the same name.
func ResolveModel(ctx context.Context, nameOrPath, revision string, report Reporter) (dir string, err error) {
	if nameOrPath == "" {
		return DefaultModel(ctx, report)
	}
	path, err := expandHome(nameOrPath)
	if err != nil {
		return "", err
	}
	switch info, err := os.Stat(path); {
	case err == nil && info.IsDir():
		return path, checkFolder(path)
	case err == nil:
		return convertGGUF(ctx, path, report)
	case !errors.Is(err, fs.ErrNotExist) && !strings.HasSuffix(err.Error(), "not a directory"):
		return "", fmt.Errorf("model_name_or_path: %w", err)
	}
	if nameOrPath == DefaultModelName || nameOrPath == DefaultModelHubID && (revision == "" || revision == "main") {
		return DefaultModel(ctx, report)
	}
	if looksLikePath(nameOrPath) || !hubID.MatchString(nameOrPath) {
		return "", fmt.Errorf("model_name_or_path %q is neither a folder, a GGUF file nor a hub id (owner/name)", nameOrPath)
	}
	dir, err = hubFromEnvironment().fetch(ctx, nameOrPath, revision, "model "+nameOrPath, report)
	if err != nil {
		return "", fmt.Errorf("model_name_or_path %q is not here, and from the hub: %w", nameOrPath, err)
	}
	return dir, checkFolder(dir)
}

func expandHome(path string) (string, error) {
	if path != "~" && !strings.HasPrefix(path, "~/") {
		return path, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("expand %q: %w", path, err)
	}
	return filepath.Join(home, path[1:]), nil
}

// looksLikePath reports that a name can only have been meant as a path.
func looksLikePath(name string) bool {
	return filepath.IsAbs(name) || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "~") ||
		strings.HasSuffix(name, "/") || strings.HasSuffix(strings.ToLower(name), ".gguf")
}

// checkFolder names what a folder lacks to be a model that can be trained.
func checkFolder(dir string) error {
	has := func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err == nil
	}
	weightFiles, _ := filepath.Glob(filepath.Join(dir, "*.safetensors"))
	switch {
	case !has("config.json") && has("adapter_config.json"):
		return fmt.Errorf("model folder %s is a PEFT adapter, not a model; name the base model as model_name_or_path", dir)
	case !has("config.json"):
		return fmt.Errorf("model folder %s has no config.json, so it is not a Hugging Face model", dir)
	case !has("tokenizer.json") && (has("tokenizer.model") || has("vocab.json")):
		return fmt.Errorf("model folder %s has no tokenizer.json, only a slow tokenizer's files; save it once with transformers' AutoTokenizer", dir)
	case !has("tokenizer.json"):
		return fmt.Errorf("model folder %s has no tokenizer.json; copy the tokenizer's files of its base model into it", dir)
	case len(weightFiles) == 0 && has("pytorch_model.bin"):
		return fmt.Errorf("model folder %s has its weights only as pickle (pytorch_model.bin); save the model again as safetensors", dir)
	case len(weightFiles) == 0:
		return fmt.Errorf("model folder %s has no safetensors weights", dir)
	}
	return nil
}

// convertGGUF turns a GGUF file into a model folder of the cache, once for each content. Quantized weights become
// float32, 16-bit ones stay 16-bit where they fit exactly.
func convertGGUF(ctx context.Context, path string, report Reporter) (string, error) {
	step := "model " + filepath.Base(path)
	file, err := weights.OpenGGUF(path)
	if err != nil {
		if !strings.HasSuffix(strings.ToLower(path), ".gguf") {
			return "", fmt.Errorf("model_name_or_path %q is a file but not a GGUF file; name the model's folder", path)
		}
		return "", err
	}
	if err := file.Close(); err != nil {
		return "", err
	}
	report.note(step, "reading the file")
	sum, err := fileSHA256(path)
	if err != nil {
		return "", err
	}
	p := part{step: step, dir: "models/gguf-" + sum[:16], files: []string{"config.json", "tokenizer.json"}}
	return p.install(ctx, report, func(_ context.Context, tmp string) error {
		report.note(step, "converting from GGUF, once")
		return weights.ConvertGGUF(path, tmp, "auto")
	})
}
