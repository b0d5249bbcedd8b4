package cmd

import (
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sftui/engine/model"
	"sftui/engine/weights"
)

// checked runs sftui check and returns its status and findings by id.
func checked(t *testing.T, args ...string) (int, map[string]findingJSON) {
	t.Helper()
	status, out, errText := sftui(t, append([]string{"check", "--json", "--no-cache"}, args...)...)
	var got struct{ Findings []findingJSON }
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v: %v in %s\n%s", args, err, out, errText)
	}
	list := map[string]findingJSON{}
	for _, f := range got.Findings {
		list[f.ID] = f
	}
	return status, list
}

// TestCheckFindsPlantedFaults runs the program itself on one fault at a time.
func TestCheckFindsPlantedFaults(t *testing.T) {
	m := newTiny(t)
	rows, err := os.ReadFile(m.data)
	if err != nil {
		t.Fatal(err)
	}
	if status, list := checked(t, "--recipe", m.recipe, "device=cpu", "learning_rate=2e-5"); status != exitDone {
		t.Errorf("the clean set: status %d, %v", status, list)
	}
	n := strings.Count(string(rows), "\n")
	long := `{"text": "` + strings.Repeat("w1 w2 ", 3000) + `"}` + "\n"
	tests := []struct {
		id, add string
		options []string
		status  int
		row     int // -1 for none
	}{
		{"rows-truncated", strings.Repeat(long, 3), []string{"max_length=64"}, exitWarning, n},
		{"monster-row", long, []string{"max_length=null"}, exitWarning, n},
		{"row-error", `{"text": 5}` + "\n", nil, exitFailure, n},
		{"json-as-text", `{"text": "[{\"role\": \"user\"}]"}` + "\n", nil, exitWarning, n},
		{"duplicates", string(rows), nil, exitWarning, n},
		{"memory", long, []string{"max_length=null", "per_device_train_batch_size=64"}, exitFailure, -1},
		{"eval-without-data", "", []string{"eval_strategy=epoch"}, exitFailure, -1},
	}
	for _, tt := range tests {
		t.Run(tt.id, func(t *testing.T) {
			data := filepath.Join(t.TempDir(), "data.jsonl")
			if err := os.WriteFile(data, append(rows[:len(rows):len(rows)], tt.add...), 0o600); err != nil {
				t.Fatal(err)
			}
			args := append([]string{"--recipe", m.recipe, "device=cpu", "learning_rate=2e-5", "--data", data}, tt.options...)
			if tt.id == "memory" {
				args = append(args, "--model", heavy(t, m))
			}
			status, list := checked(t, args...)
			f, found := list[tt.id]
			if status != tt.status || !found || f.Message == "" || tt.row >= 0 && (len(f.Rows) == 0 || f.Rows[0] != tt.row) {
				t.Fatalf("status %d, %+v among %v", status, f, list)
			}
			if tt.id == "memory" && len(f.Rows) == 0 {
				t.Error("the batch that will not fit is not named")
			}
		})
	}
}

// TestCheckForecastsEvaluation asks for evaluation rows that do not fit where training does.
func TestCheckForecastsEvaluation(t *testing.T) {
	m := newTiny(t)
	eval := filepath.Join(t.TempDir(), "eval.jsonl")
	if err := os.WriteFile(eval, []byte(strings.Repeat(`{"text": "`+strings.Repeat("w1 w2 ", 30_000)+`"}`+"\n", 4)), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"--recipe", m.recipe, "device=cpu", "learning_rate=2e-5", "max_length=null", "eval_strategy=epoch", "save_strategy=epoch", "eval_dataset_name=" + eval}
	status, list := checked(t, args...)
	if f, found := list["eval-memory"]; status != exitFailure || !found || f.Fix["key"] != "per_device_eval_batch_size" {
		t.Errorf("status %d, %v", status, list)
	}
	if _, list := checked(t, append(args, "eval_strategy=no")...); len(list["eval-memory"].ID) > 0 {
		t.Errorf("without evaluation: %v", list)
	}
}

// heavy is the tiny model with the sizes of one that no machine holds; its
// weights are a file of holes.
func heavy(t *testing.T, m tiny) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"tokenizer.json", "tokenizer_config.json", "config.json"} {
		data, err := os.ReadFile(filepath.Join(m.model, name))
		if err != nil {
			t.Fatal(err)
		}
		if name == "config.json" {
			var c map[string]any
			if err := json.Unmarshal(data, &c); err != nil {
				t.Fatal(err)
			}
			c["hidden_size"], c["intermediate_size"], c["num_hidden_layers"], c["max_position_embeddings"] = 16384, 65536, 40, 100_000
			if data, err = json.Marshal(c); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	described, err := model.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	header, end := map[string]any{}, int64(0)
	for _, p := range described.Params() {
		size := 2 * int64(p.Elements())
		header[p.Name] = map[string]any{"dtype": weights.BF16, "shape": p.Shape, "data_offsets": []int64{end, end + size}}
		end += size
	}
	text, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, weights.SingleFile)
	if err := os.WriteFile(file, append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, int64(8+len(text))+end); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestCheckRunNamesWhatChanged trains, changes the data and asks.
func TestCheckRunNamesWhatChanged(t *testing.T) {
	m := newTiny(t)
	dir := filepath.Join(t.TempDir(), "run")
	if status, _, errText := sftui(t, "train", "--recipe", m.recipe, "--run", dir, "max_steps=2", "save_strategy=steps", "save_steps=2"); status != exitDone {
		t.Fatalf("status %d: %s", status, errText)
	}
	if status, list := checked(t, "--run", dir); status == exitFailure {
		t.Errorf("an unchanged run: %v", list)
	}
	file, err := os.OpenFile(m.data, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(`{"text": "w1 w2 w3 w4"}` + "\n"); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	status, list := checked(t, "--run", dir)
	if _, found := list["resume-data-changed"]; status != exitFailure || !found {
		t.Errorf("status %d, %v", status, list)
	}
}
