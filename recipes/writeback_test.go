package recipes

import (
	"strings"
	"testing"
)

const userRecipe = `# my recipe
model_name_or_path: example/model   # the small one

# data
dataset_name: "my # data.jsonl"  # quoted
columns:
  prompt: question   # keep
  completion: answer
max_seq_length: 512  # old name

learning_rate: 1e-5   # careful
lora_target_modules: [q_proj, v_proj]  # two
sample_prompts:
- one
- two
# the end
`

func edit(t *testing.T, source string, sets ...string) (string, *Recipe) {
	t.Helper()
	r := parse(t, source)
	for i := 0; i < len(sets); i += 2 {
		if sets[i+1] == "<reset>" {
			if err := r.Reset(sets[i]); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := r.Set(sets[i], sets[i+1], Origin{Kind: OriginEdit}); err != nil {
			t.Fatal(err)
		}
	}
	out, err := r.WriteBack([]byte(source))
	if err != nil {
		t.Fatal(err)
	}
	return string(out), r
}

func TestWriteBack(t *testing.T) {
	tests := []struct {
		name     string
		sets     []string
		old, new string // the only change, as a replacement in userRecipe
	}{
		{"nothing", nil, "", ""},
		{"same value", []string{"learning_rate", "0.00001"}, "", ""},
		{"number keeps its comment", []string{"learning_rate", "2e-4"}, "learning_rate: 1e-5   # careful", "learning_rate: 0.0002   # careful"},
		{"text with a comment sign", []string{"dataset_name", "other.jsonl"}, `dataset_name: "my # data.jsonl"  # quoted`, "dataset_name: other.jsonl  # quoted"},
		{"old name becomes the new one", []string{"max_length", "1024"}, "max_seq_length: 512  # old name", "max_length: 1024  # old name"},
		{"none", []string{"max_length", "null"}, "max_seq_length: 512  # old name", "max_length: null  # old name"},
		{"flow list stays flow", []string{"lora_target_modules", "all-linear"}, "lora_target_modules: [q_proj, v_proj]  # two", "lora_target_modules: [all-linear]  # two"},
		{"block list", []string{"sample_prompts", "[three]"}, "sample_prompts:\n- one\n- two\n", "sample_prompts:\n  - three\n"},
		{"mapping", []string{"columns", "{text: body}"}, "columns:\n  prompt: question   # keep\n  completion: answer\n", "columns:\n  text: body\n"},
		{"reset removes the line", []string{"learning_rate", "<reset>"}, "learning_rate: 1e-5   # careful\n", ""},
		{"new key joins its group", []string{"model_revision", "v2"}, "# the small one\n", "# the small one\nmodel_revision: v2\n"},
		{"new key at the end", []string{"seed", "7"}, "- two\n", "- two\nseed: 7\n"},
		{"yes is quoted for Python", []string{"run_name", "no"}, "- two\n", "- two\nrun_name: \"no\"\n"},
		{"many lines", []string{"formatting", "Q: {{ q }}\nA: {{ a }}"}, "- two\n", "- two\nformatting: |-\n  Q: {{ q }}\n  A: {{ a }}\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, r := edit(t, userRecipe, tt.sets...)
			want := userRecipe
			if tt.old != "" {
				if !strings.Contains(userRecipe, tt.old) {
					t.Fatalf("the test's own text %q is not there", tt.old)
				}
				want = strings.Replace(userRecipe, tt.old, tt.new, 1)
			}
			if got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
			if d := Diff(parse(t, got), r); len(d) > 0 {
				t.Errorf("read again: %v", d)
			}
		})
	}
}

func TestWriteBackOtherTexts(t *testing.T) {
	tests := []struct{ name, source, key, value, want string }{
		{"empty file", "", "seed", "1", "seed: 1\n"},
		{"only comments", "# a\n", "seed", "1", "# a\nseed: 1\n"},
		{"crlf", "seed: 1\r\nmax_steps: 2\r\n", "seed", "3", "seed: 3\r\nmax_steps: 2\r\n"},
		{"mixed line ends", "# a\n\n\r\nseed: 1\r\nmax_steps: 2\n", "seed", "3", "# a\n\n\r\nseed: 3\r\nmax_steps: 2\n"},
		{"no line end", "seed: 1", "max_steps", "3", "seed: 1\nmax_steps: 3"},
		{"anchor stays", "learning_rate: &lr 1e-4\nadam_epsilon: 1e-8", "learning_rate", "3e-4", "learning_rate: &lr 0.0003\nadam_epsilon: 1e-8"},
		{"merged value is written out", "x: &b\n  seed: 1\n<<: *b\n", "seed", "2", "x: &b\n  seed: 1\n<<: *b\nseed: 2\n"},
		{"byte order mark", "\xef\xbb\xbfseed: 1\n", "max_steps", "3", "\xef\xbb\xbfseed: 1\nmax_steps: 3\n"},
		{"shared through an anchor", "learning_rate: &lr 1e-4\nadam_epsilon: *lr # eps\n", "learning_rate", "3e-4", "learning_rate: &lr 0.0003\nadam_epsilon: 0.0001 # eps\n"},
		{"shared, and the anchor goes", "# a\nrun_name: &n x\nproject: *n\n", "run_name", "y\nz\n", "# a\nrun_name: |\n  y\n  z\nproject: x\n"},
		{"merged and edited at its source", "x: &b\n  seed: 1\n  max_steps: 2\n<<: *b\n", "max_steps", "5", "x: &b\n  seed: 1\n  max_steps: 2\n<<: *b\nmax_steps: 5\n"},
		{"one line recipe", "# mine\n{seed: 1, max_steps: 2}\n", "seed", "2", "# mine\nmax_steps: 2\nseed: 2\n"},
		{"literal block", "chat_template: |\n  a\n  b\nseed: 1\n", "chat_template", "c", "chat_template: c\nseed: 1\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, _ := edit(t, tt.source, tt.key, tt.value); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestWriteBackRefuses: what cannot be written is said, and nothing is lost.
func TestWriteBackRefuses(t *testing.T) {
	r := parse(t, "seed: 1\n")
	if err := r.Set("seed", "2", Origin{Kind: OriginEdit}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.WriteBack([]byte("seed: [1")); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("a broken file: %v", err)
	}
}

// TestModelValuesStayOut checks that what the model says is not written into the user's file.
func TestModelValuesStayOut(t *testing.T) {
	r := parse(t, "seed: 1\n")
	if err := r.Set("eos_token", "<|im_end|>", Origin{Kind: OriginModel}); err != nil {
		t.Fatal(err)
	}
	if got := string(r.YAML()); got != "seed: 1\n" {
		t.Errorf("got %q", got)
	}
}

func TestSetYAMLWithoutFile(t *testing.T) {
	r := Default()
	for _, kv := range []string{"learning_rate=1e-4", "dataset_name=a.jsonl", "sample_prompts=[a, b]"} {
		if err := r.Override([]string{kv}); err != nil {
			t.Fatal(err)
		}
	}
	want := "dataset_name: a.jsonl\nlearning_rate: 0.0001\nsample_prompts:\n  - a\n  - b\n"
	if got := string(r.YAML()); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
