package recipes

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOverrides(t *testing.T) {
	tests := []struct{ arg, key, want string }{
		{"learning_rate=1e-4", "learning_rate", "0.0001"},
		{"--max_steps=5", "max_steps", "5"},
		{"packing=yes", "packing", "true"},
		{"max_length=none", "max_length", "null"},
		{"max_seq_length=9", "max_length", "9"},
		{"lora_target_modules=q_proj,v_proj", "lora_target_modules", "[q_proj, v_proj]"},
		{"sample_prompts=Hello, world", "sample_prompts", "['Hello, world']"},
		{"lr_scheduler_kwargs={min_lr_rate: 0.1}", "lr_scheduler_kwargs", "{min_lr_rate: 0.1}"},
		{"columns=prompt:q,completion:a", "columns", "{completion: a, prompt: q}"},
		{"eos_token=<|im_end|>", "eos_token", "<|im_end|>"},
		{"formatting={{ a }}: {{ b }}", "formatting", "{{ a }}: {{ b }}"},
		{"dataset_name=a=b.jsonl", "dataset_name", "a=b.jsonl"},
		{"run_name=007", "run_name", "007"},
		{"eval_strategy=no", "eval_strategy", "no"},
		{"dataset_mixture={datasets: [{id: a}]}", "dataset_mixture", "{datasets: [{id: a}], seed: 0}"},
	}
	for _, tt := range tests {
		t.Run(tt.arg, func(t *testing.T) {
			r := Default()
			if err := r.Override([]string{tt.arg}); err != nil {
				t.Fatal(err)
			}
			got, origin := r.Get(tt.key)
			if got != tt.want || origin.Kind != OriginCommandLine {
				t.Errorf("%s = %q from %v, want %q", tt.key, got, origin, tt.want)
			}
		})
	}
	for _, tt := range []struct{ arg, says string }{
		{"learning_rate", "key=value"}, {"learnig_rate=1", `"learning_rate"`}, {"max_steps=x", "whole number"}, {"packing=maybe", "true or false"},
	} {
		if err := Default().Override([]string{tt.arg}); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: error %v, want one that says %q", tt.arg, err, tt.says)
		}
	}
}

// TestSetGetRoundTrip sets every option to what Get says of it.
func TestSetGetRoundTrip(t *testing.T) {
	r := Default()
	for _, k := range Keys() {
		v, _ := r.Get(k)
		if err := r.Set(k, v, Origin{Kind: OriginEdit}); err != nil {
			t.Errorf("%s=%s: %v", k, v, err)
			continue
		}
		if again, _ := r.Get(k); again != v {
			t.Errorf("%s: %q became %q", k, v, again)
		}
	}
	if d := Diff(Default(), r); len(d) > 0 {
		t.Errorf("%v", d)
	}
}

func TestCloneIsIndependent(t *testing.T) {
	a := parse(t, "lr_scheduler_kwargs: {a: {b: [1]}}\nlora_target_modules: [q]\nmax_length: 5\ncolumns: {x: y}")
	b := a.Clone()
	*b.MaxLength = 6
	b.LoraTargetModules[0] = "z"
	b.LrSchedulerKwargs["a"].(Object)["b"] = "changed"
	b.Columns["x"] = "z"
	if err := b.Set("seed", "3", Origin{Kind: OriginEdit}); err != nil {
		t.Fatal(err)
	}
	if got, _ := a.Get("lr_scheduler_kwargs"); got != "{a: {b: [1]}}" {
		t.Errorf("mapping changed: %s", got)
	}
	if *a.MaxLength != 5 || a.LoraTargetModules[0] != "q" || a.Columns["x"] != "y" || a.IsSet("seed") {
		t.Error("the original changed with its copy")
	}
	if len(Diff(a, b)) != 5 {
		t.Errorf("diff %v", Diff(a, b))
	}
}

func FuzzParse(f *testing.F) {
	for _, e := range Embedded() {
		f.Add(e.YAML)
	}
	for _, pattern := range []string{"testdata/openr1/*.yaml", "testdata/accelerate/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range files {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	// Every option with its default, so that every kind of value is a seed.
	for _, o := range Fields() {
		f.Add([]byte(o.Key + ": " + o.Default + "\n"))
	}
	for _, s := range []string{userRecipe, "a: &a [*a]", "<<: [{seed: 1}, {seed: 2}]", "x: &x {<<: *x}\n<<: *x", "seed: !!int 1e3", "? [a]\n: b", "seed: *x", "\t", "{seed: 1", "lr_scheduler_kwargs: {a: {b: {c: null}}}", "distributed_type: FSDP"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Parse("fuzz.yaml", data)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without words")
			}
			if _, err := ParseAccelerate("fuzz.yaml", data); err != nil && err.Error() == "" {
				t.Error("an error without words")
			}
			return
		}
		r.Conflicts()
		again, err := Parse("effective", r.Effective())
		if err != nil {
			t.Fatalf("the effective recipe cannot be read: %v\n%s", err, r.Effective())
		}
		if d := Diff(r, again); len(d) > 0 {
			t.Fatalf("the effective recipe differs: %+v", d)
		}
		if out, err := r.WriteBack(data); err == nil && string(out) != string(data) {
			t.Fatalf("nothing changed, but the text did:\n%q\n%q", data, out)
		}
		if err := r.Set("seed", "77", Origin{Kind: OriginEdit}); err != nil {
			t.Fatal(err)
		}
		if out, err := r.WriteBack(data); err == nil {
			back, err := Parse("fuzz.yaml", out)
			if err != nil || back.Seed != 77 {
				t.Fatalf("the edit was lost: %v\n%q\n%q", err, data, out)
			}
		}
	})
}
