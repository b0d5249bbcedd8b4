package ui

import (
	"context"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"sftui/engine/run"
	"sftui/recipes"
)

// chatScript answers like `sftui chat --json`: in pieces, then the whole.
const chatScript = `read line; case "$line" in *prompt*ping*) ;; *) echo "{\"error\": \"unexpected $# \"}";; esac
echo '{"token": "po"}'; echo '{"token": "ng"}'; echo '{"reply": "pong", "tokens": 3, "seconds": 0.5, "finish": "stop"}'
read line; case "$line" in *messages*assistant*pong*again*) echo '{"error": "no more"}';; esac
read line; echo "out of memory" >&2; exit 3`

// A conversation streams, shows errors where they happen, and survives the
// end of the model's process.
func TestChatWithAModel(t *testing.T) {
	for _, size := range sizes {
		var given []string
		d := newDriver(t, size[0], size[1], func(o *Options) {
			o.Chat = func(ctx context.Context, args []string) *exec.Cmd {
				given = args
				return exec.CommandContext(ctx, "sh", "-c", chatScript)
			}
		})
		d.press("6").want("talk to the model").press("c").want("Talk to which model?", "the base model").press("enter")
		d.want("chat with model", "Write a message")
		if got := strings.Join(given, " "); got != "--model testdata/model --json max_new_tokens=256" {
			t.Errorf("sftui chat %s", got)
		}
		d.typeText("ping 1").press("enter").want("ping 1", "loaded and compiled")
		d.poll()
		d.want("   po ")
		d.poll()
		d.poll()
		d.want("pong", "3 tokens · 0.5 s · stop", "begin anew").golden("chat")
		d.typeText("again").press("enter")
		d.poll()
		d.want("no more")
		d.typeText("and again").press("enter")
		d.poll()
		d.want("out of memory", "process has ended").press("esc").want("No samples yet.")
	}
}

// The checkpoints of the open run are offered, the newest first.
func TestChatOffersCheckpoints(t *testing.T) {
	d, f := liveRun(t, 100, 30, steps(40))
	d.a.opt.Chat = func(ctx context.Context, args []string) *exec.Cmd {
		return exec.CommandContext(ctx, "sh", "-c", "echo "+strings.Join(args, " ")+" >&2; exit 1")
	}
	for _, name := range []string{"checkpoint-20", "checkpoint-40"} {
		if err := os.Mkdir(filepath.Join(f.r.Dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	d.press("6", "c").want("step 40 of", "newest", "step 20 of", "from the live run").press("down", "enter")
	d.poll()
	d.want("--step 20 --json")
}

// An evaluation that names rows shows them, the worst first, and each can be
// read with its mask.
func TestEvaluationRowsAreListedByLoss(t *testing.T) {
	events := append(steps(40), run.Event{Kind: run.KindEval, Step: 40, Loss: 2, RowIDs: []int{7, 3, 5}, RowLosses: []run.Number{1.5, run.Number(math.NaN()), 4.25}})
	for _, size := range sizes {
		d, _ := liveRun(t, size[0], size[1], events)
		d.press("6").want("evaluation at step 40", "NaN  row 3", "4.250  row 5", "1.500  row 7").golden("samples_judged")
		d.press("enter").want("row 3 ·", "stage: labels").press("down").want("row 5 ·").press("enter")
		if d.a.page != pageData || d.a.data.row(d.a.data.list.Cursor()) != 5 {
			t.Fatalf("page %d row %d", d.a.page, d.a.data.row(d.a.data.list.Cursor()))
		}
	}
}

// The rows of an eval_dataset_name are read from it, and Data shows it when one
// of them is opened, until E goes back to the training rows.
func TestEvaluationRowsOfTheirOwnData(t *testing.T) {
	events := append(steps(4), run.Event{Kind: run.KindEval, Step: 4, Loss: 2, RowIDs: []int{1}, RowLosses: []run.Number{4.25}})
	d, f := liveRun(t, 120, 40, events)
	f.st.State = run.Stopped // while a run is live the lengths of rows wait
	f.write()
	d.poll()
	path := filepath.Join(t.TempDir(), "eval.jsonl")
	rows := `{"messages":[{"role":"user","content":"first?"},{"role":"assistant","content":"one"}]}
{"messages":[{"role":"user","content":"the held back question"},{"role":"assistant","content":"two"}]}
`
	if err := os.WriteFile(path, []byte(rows), 0o644); err != nil {
		t.Fatal(err)
	}
	its := d.a.recipe.r.Clone()
	if err := its.Set("eval_dataset_name", path, recipes.Origin{Kind: recipes.OriginCommandLine}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.r.Path(run.RecipeFile), its.YAML(), 0o644); err != nil {
		t.Fatal(err)
	}
	d.press("6", "enter").want("the held back question").press("enter").want("Open the run's recipe?").press("enter")
	d.want("the held back question", "2 rows", "eval.jsonl").press("E").want("40 rows").wantNot("eval.jsonl")
}

// Answers of every evaluation can be gone through beside the base model's.
func TestSamplesOfEveryStep(t *testing.T) {
	events := steps(30)
	for step := 0; step <= 30; step += 10 {
		events = append(events, run.Event{Kind: run.KindSample, Step: step, Prompt: "How?", Text: "answer " + string(rune('a'+step/10)), Reference: "like so"})
	}
	d, _ := liveRun(t, 120, 40, events)
	d.press("6").want("reference answer", "like so", "the base model, before training", "answer a", "after step 30 (← → 4 of 4)", "answer d")
	d.press("left").want("after step 20 (← → 3 of 4)", "answer c").wantNot("answer d")
	d.press("left", "left", "left", "left").want("answer a").wantNot("answer b").press("right").want("after step 10")
}

// A model without a chat template goes on after the first message: what it
// cannot take as messages is sent as a text, and this is said once.
func TestChatWithoutATemplate(t *testing.T) {
	const script = `read line; echo '{"reply": "one", "tokens": 1, "seconds": 0.1, "finish": "stop"}'
read line; case "$line" in *messages*) echo '{"error": "no chat template", "code": "no_template"}';; esac
read line; case "$line" in *'"prompt":"second'*) echo '{"reply": "two", "tokens": 1, "seconds": 0.1, "finish": "stop"}';; esac
read line; case "$line" in *'"prompt":"third'*) echo '{"reply": "three", "tokens": 1, "seconds": 0.1, "finish": "stop"}';; esac`
	d := newDriver(t, 100, 30, func(o *Options) {
		o.Chat = func(ctx context.Context, _ []string) *exec.Cmd { return exec.CommandContext(ctx, "sh", "-c", script) }
	})
	d.press("6", "c", "enter").typeText("first").press("enter")
	d.poll()
	d.want("one").typeText("second").press("enter")
	d.poll()
	d.poll()
	d.want("two", "has no chat template").wantNot("✗\n", "│ ✗ ").typeText("third").press("enter")
	d.poll()
	d.want("three").press("esc")
}

// A message may have several lines, typed or pasted.
func TestChatMessageOfSeveralLines(t *testing.T) {
	d := newDriver(t, 100, 30, func(o *Options) {
		o.Chat = func(ctx context.Context, _ []string) *exec.Cmd {
			return exec.CommandContext(ctx, "sh", "-c", `read -r line; case "$line" in *'a\nb\nc'*) echo '{"reply": "all three", "tokens": 1, "seconds": 0.1, "finish": "stop"}';; *) echo '{"error": "other lines"}';; esac; read -r line`)
		}
	})
	d.press("6", "c", "enter").typeText("a")
	d.send(tea.KeyPressMsg{Code: tea.KeyEnter, Mod: tea.ModAlt})
	d.send(tea.PasteMsg{Content: "b\r\nc"})
	d.want("› a", "  b", "  c").press("enter")
	d.poll()
	d.want("all three").press("esc")
}
