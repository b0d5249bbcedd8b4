package findings

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sftui/engine"
	"sftui/recipes"
)

// TestEvaluationFindings plants faults in the evaluation data.
func TestEvaluationFindings(t *testing.T) {
	good := makeModel(t, chatTemplate, nil)
	lost := `{"messages": [{"role": "user", "content": "` + long + `"}, {"role": "assistant", "content": "a"}]}`
	tests := []struct {
		id       string
		severity recipes.Severity
		rows     []string
		says     string
	}{
		{"", "", chats(60)[50:], ""},
		{"eval-overlap", recipes.SeverityWarning, chats(60)[38:], "2 evaluation rows"},
		{"eval-row-error", recipes.SeverityError, append(chats(60)[50:], `{"messages": "x"}`), "1 evaluation rows"},
		{"eval-nothing-scored", recipes.SeverityWarning, append(chats(60)[50:], lost), "1 evaluation rows"},
		{"eval-nothing-scored", recipes.SeverityError, []string{lost}, "100%"},
		{"eval-data-unusable", recipes.SeverityError, []string{`{"a": 1}`}, "evaluation data"},
	}
	for _, tt := range tests {
		t.Run(tt.id, func(t *testing.T) {
			eval := write(t, t.TempDir(), "eval.jsonl", strings.Join(tt.rows, "\n"))
			options := []string{"eval_dataset_name=" + eval, "eval_strategy=epoch", "save_strategy=epoch", "assistant_only_loss=true", "max_length=64"}
			list := checkRows(t, good, chats(40), options...)
			if tt.id == "" {
				for _, f := range list {
					if f.Severity != recipes.SeverityNote {
						t.Errorf("false alarm: %+v", f)
					}
				}
				return
			}
			f := find(list, tt.id)
			if f == nil || f.Severity != tt.severity || !strings.Contains(f.Message, tt.says) {
				t.Fatalf("%+v among %+v", f, list)
			}
			if f.Count > 0 && (len(f.Rows) != f.Count || !f.OfEval || f.Rows[f.Count-1] != len(tt.rows)-1 && tt.id != "eval-overlap") {
				t.Errorf("rows %v of %d, of the evaluation data: %v", f.Rows, f.Count, f.OfEval)
			}
			if f.Fix.Key != "" && find(checkRows(t, good, chats(40), append(options, f.Fix.Key+"="+f.Fix.Value)...), tt.id) != nil {
				t.Errorf("still there after %v", f.Fix)
			}
		})
	}
}

// An evaluation that dataloader_drop_last leaves without a batch is found by
// the sequences that the evaluation itself makes of its rows.
func TestEvaluationWithoutABatch(t *testing.T) {
	good := makeModel(t, chatTemplate, nil)
	eval := write(t, t.TempDir(), "eval.jsonl", strings.Join(chats(60)[56:], "\n"))
	whole := []string{"dataloader_drop_last=true", "eval_strategy=epoch", "save_strategy=epoch", "per_device_eval_batch_size=5", "max_length=64"}
	for _, tt := range []struct {
		options []string
		fix     string // "" for no finding
	}{
		{[]string{"eval_dataset_name=" + eval}, "4"},
		{[]string{"eval_dataset_name=" + eval, "per_device_eval_batch_size=4"}, ""},
		{[]string{"eval_dataset_name=" + eval, "dataloader_drop_last=false"}, ""},
		{[]string{"eval_dataset_name=" + eval, "eval_strategy=no"}, ""},
		{[]string{"eval_dataset_name=" + eval, "eval_packing=true"}, "2"},
		{[]string{"eval_dataset_name=" + eval, "packing=true"}, "2"},
		{[]string{"eval_dataset_name=" + eval, "packing=true", "eval_packing=false"}, "4"},
		{[]string{"eval_holdout=3"}, "3"},
		{[]string{"eval_holdout=0.2"}, ""},
	} {
		options := append(slices.Clone(whole), tt.options...)
		f := find(checkRows(t, good, chats(40), options...), "eval-no-full-batch")
		if (f != nil) != (tt.fix != "") {
			t.Errorf("%v: %+v", tt.options, f)
			continue
		}
		if f == nil {
			continue
		}
		if f.Severity != recipes.SeverityError || f.Fix.Value != tt.fix || !strings.Contains(f.Message, tt.fix+" evaluation sequences") {
			t.Errorf("%v: %+v", tt.options, f)
		}
		if find(checkRows(t, good, chats(40), append(options, f.Fix.Key+"="+f.Fix.Value)...), "eval-no-full-batch") != nil {
			t.Errorf("%v: still there after %v", tt.options, f.Fix)
		}
	}
}

func TestFromDrifts(t *testing.T) {
	list := FromDrifts([]engine.Drift{{What: "data", Why: errors.New("the data changed")}}, recipes.English)
	if len(list) != 1 || list[0].ID != "resume-data-changed" || list[0].Severity != recipes.SeverityError || !strings.Contains(list[0].Message, "the data changed.") {
		t.Errorf("%+v", list)
	}
	if len(FromDrifts(nil, recipes.Chinese)) != 0 {
		t.Error("a finding without a drift")
	}
}

// TestEveryFindingIsPlanted holds the tests of this package to every id that its code can give.
func TestEveryFindingIsPlanted(t *testing.T) {
	read := func(pattern string, test bool) string {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		var all strings.Builder
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") != test {
				continue
			}
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(data)
		}
		return all.String()
	}
	code, tests := read("*.go", false), read("*_test.go", true)
	var ids []string
	for _, m := range regexp.MustCompile(`(?:ID: |in, f, |problem\()"([a-z-]*[a-z])"`).FindAllStringSubmatch(code, -1) {
		ids = append(ids, m[1])
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) < 60 {
		t.Fatalf("only %d ids found: %v", len(ids), ids)
	}
	for _, id := range ids {
		if !strings.Contains(tests, `"`+id+`"`) {
			t.Errorf("no test plants %s", id)
		}
	}
}
