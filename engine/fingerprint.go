package engine

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"sftui/dataset"
	"sftui/engine/compute"
	"sftui/recipes"
)

// fingerprints identify what a run trains on, so that a resumed run can refuse
// when it changed.
type fingerprints struct {
	data, model string
	eval        string // of the evaluation rows, "" without any
	rows        int
}

// savedMark is fingerprints in a checkpoint.
type savedMark struct {
	Data  string `json:"data"`
	Rows  int    `json:"rows"`
	Model string `json:"model"`
	Eval  string `json:"eval,omitempty"` // "" without evaluation
}

func (f fingerprints) saved() savedMark {
	return savedMark{Data: f.data, Rows: f.rows, Model: f.model, Eval: f.eval}
}

// check compares with a checkpoint's fingerprints and names what changed.
// Evaluation may begin or end with a resume, but other rows would be measured
// against the best of these.
func (f fingerprints) check(s savedMark) error {
	switch {
	case f.model != s.Model:
		return errors.New("the model's files changed since the checkpoint; resume with the same model, or start a new run")
	case f.rows != s.Rows:
		return fmt.Errorf("the data changed since the checkpoint: %d prepared rows then, %d now; resume with the same data, or start a new run", s.Rows, f.rows)
	case f.data != s.Data:
		return errors.New("the data changed since the checkpoint: it has as many prepared rows as then, but other tokens or labels; resume with the same data, or start a new run")
	case f.eval != s.Eval && f.eval != "" && s.Eval != "":
		return errors.New("the evaluation data changed since the checkpoint: its prepared rows have other tokens or labels; resume with the same rows, or start a new run")
	}
	return nil
}

// dataFingerprint hashes the ids and labels of all prepared rows in order.
func dataFingerprint(d dataset.Dataset) (string, error) {
	h := sha256.New()
	var buf []byte
	for i := range d.Len() {
		e, err := d.At(i)
		if err != nil {
			return "", err
		}
		buf = binary.AppendUvarint(buf[:0], uint64(len(e.InputIDs)))
		for _, part := range [][]int32{e.InputIDs, e.Labels, e.SeqLengths} {
			for _, v := range part {
				buf = binary.LittleEndian.AppendUint32(buf, uint32(v))
			}
		}
		h.Write(buf)
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}

// replayFingerprint is dataFingerprint for given batches.
func replayFingerprint(batches []compute.Batch) string {
	h := sha256.New()
	for _, b := range batches {
		fmt.Fprintln(h, b.InputIDs, b.Labels, b.AttentionMask, b.PositionIDs)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// modelFingerprint identifies a model folder by its configuration and weights.
func modelFingerprint(dir string) (string, error) {
	h := sha256.New()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return "", err
	}
	sort.Strings(files)
	for _, path := range files {
		name := filepath.Base(path)
		if name != "config.json" && !strings.HasSuffix(name, ".safetensors") {
			continue
		}
		if err := sumFile(h, path); err != nil {
			return "", fmt.Errorf("model %s: %w", dir, err)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}

// sumFile writes a file's name, size and checksum to h.
func sumFile(h io.Writer, path string) error {
	m, err := markOf(path)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(h, filepath.Base(path), m.Bytes, m.CRC)
	return err
}

// free lists the options that a resumed run may change, because the numbers of
// its steps do not depend on them.
func freeOnResume() map[string]bool {
	free := map[string]bool{}
	for _, key := range []string{
		"output_dir", "run_name", "report_to", "project", "nan_policy",
		"logging_strategy", "logging_steps", "logging_first_step", "log_level", "log_level_replica", "disable_tqdm", "logging_nan_inf_filter",
		"save_strategy", "save_steps", "save_total_limit", "save_only_model",
		"eval_strategy", "eval_steps", "eval_delay", "eval_on_start", "per_device_eval_batch_size",
		"load_best_model_at_end", "metric_for_best_model", "greater_is_better",
		"sample_prompts", "sample_max_new_tokens", "resume_from_checkpoint", "dataset_num_proc",
		"dataloader_num_workers", "dataloader_pin_memory", "dataloader_prefetch_factor", "dataloader_persistent_workers",
		"push_to_hub", "hub_model_id", "hub_strategy", "hub_token", "hub_private_repo", "hub_model_revision",
		"wandb_entity", "wandb_project", "wandb_run_group", "benchmarks", "callbacks",
	} {
		free[key] = true
	}
	return free
}

// checkRecipe names the options that changed since a checkpoint and matter.
func checkRecipe(saved, now *recipes.Recipe) error {
	var changed []string
	for _, c := range fixedChanges(saved, now) {
		changed = append(changed, fmt.Sprintf("%s (%s then, %s now)", c.Key, c.A, c.B))
	}
	if len(changed) == 0 {
		return nil
	}
	return fmt.Errorf("the recipe changed since the checkpoint: %s; resume with the same values, or start a new run from the checkpoint with --from", strings.Join(changed, ", "))
}

// fixedChanges are the options that differ and may not, so that a run can go on.
func fixedChanges(saved, now *recipes.Recipe) []recipes.Change {
	free := freeOnResume()
	var fixed []string
	if isAdaptive(now.LrSchedulerType) {
		// The evaluations set the learning rate.
		fixed = append(fixed, "eval_strategy", "eval_steps", "eval_delay", "per_device_eval_batch_size", "metric_for_best_model")
	}
	if now.TrainSamplingStrategy == groupByLength {
		// Evaluations draw from the generator that orders the rows, those of the present epoch too.
		fixed = append(fixed, "eval_strategy", "eval_steps", "eval_delay", "eval_on_start")
	}
	if len(fixed) > 0 && (saved.EvalSteps == nil || now.EvalSteps == nil) {
		fixed = append(fixed, "logging_steps") // which eval_steps falls back to
	}
	for _, key := range fixed {
		delete(free, key)
	}
	return slices.DeleteFunc(recipes.Diff(saved, now), func(c recipes.Change) bool { return free[c.Key] })
}
