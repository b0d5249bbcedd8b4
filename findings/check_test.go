package findings

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sftui/engine/model"
	"sftui/engine/weights"
	"sftui/recipes"
)

// chatTemplate is ChatML with the test tokenizer's tokens and generation markers.
const chatTemplate = "{% for m in messages %}<|start|>{{ m.role }}\n{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|end|>{% endgeneration %}{% else %}{{ m.content }}<|end|>{% endif %}\n{% endfor %}"

// makeModel makes a model folder: the dataset package's test tokenizer with a template and end tokens of choice.
func makeModel(t *testing.T, template string, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"tokenizer.json", "tokenizer_config.json"} {
		data, err := os.ReadFile(filepath.Join("..", "dataset", "testdata", "tokenizer", name))
		if err != nil {
			t.Fatal(err)
		}
		if name == "tokenizer_config.json" {
			var c map[string]any
			if err := json.Unmarshal(data, &c); err != nil {
				t.Fatal(err)
			}
			c["chat_template"] = template
			if data, err = json.Marshal(c); err != nil {
				t.Fatal(err)
			}
		}
		write(t, dir, name, string(data))
	}
	for name, text := range files {
		write(t, dir, name, text)
	}
	return dir
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// chats makes n different clean chats.
func chats(n int) []string {
	rows := make([]string, n)
	for i := range rows {
		rows[i] = fmt.Sprintf(`{"messages": [{"role": "user", "content": "say %d"}, {"role": "assistant", "content": "it is %d"}]}`, i, i)
	}
	return rows
}

// pairs makes n different clean prompts with completions.
func pairs(n int) []string {
	rows := make([]string, n)
	for i := range rows {
		rows[i] = fmt.Sprintf(`{"prompt": "say %d\n", "completion": "it is %d"}`, i, i)
	}
	return rows
}

// checkRows runs all checks on rows with a recipe.
func checkRows(t *testing.T, dir string, rows []string, options ...string) []Finding {
	t.Helper()
	r := recipes.Default()
	data := write(t, t.TempDir(), "data.jsonl", strings.Join(rows, "\n")+"\n")
	base := []string{"model_name_or_path=" + dir, "dataset_name=" + data, "per_device_train_batch_size=1", "gradient_accumulation_steps=2", "bf16=false"}
	if err := r.Override(append(base, options...)); err != nil {
		t.Fatal(err)
	}
	return checkOpened(t, r, OpenOptions{Language: recipes.English})
}

// checkOpened runs all checks on what a recipe names.
func checkOpened(t *testing.T, r *recipes.Recipe, o OpenOptions) []Finding {
	t.Helper()
	in := Open(context.Background(), r, o)
	defer func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	}()
	list, err := Check(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// find returns the finding of an id.
func find(list []Finding, id string) *Finding {
	for i := range list {
		if list[i].ID == id {
			return &list[i]
		}
	}
	return nil
}

// turns makes a chat of n questions and answers.
func turns(n int) string {
	var parts []string
	for i := range n {
		parts = append(parts, user, fmt.Sprintf(`{"role": "assistant", "content": "it is %d"}`, i))
	}
	return `{"messages": [` + strings.Join(parts, ", ") + `]}`
}

// ids makes n rows that were tokenized elsewhere.
func ids(n int) []string {
	rows := make([]string, n)
	for i := range rows {
		rows[i] = fmt.Sprintf(`{"input_ids": [5, 6, %d, 0], "labels": [-100, 6, %d, 0]}`, 10+i, 10+i)
	}
	return rows
}

// mute makes n tokenized rows without loss.
func mute(n int) []string {
	rows := make([]string, n)
	for i := range rows {
		rows[i] = fmt.Sprintf(`{"input_ids": [5, 6, %d, 0, 5, 6, 7, 0], "labels": [-100, -100, -100, -100, -100, -100, -100, -100]}`, 10+i)
	}
	return rows
}

// beginning makes a model whose tokenizer begins every text with <|start|> and
// whose template leaves it out.
func beginning(t *testing.T) string {
	t.Helper()
	dir := makeModel(t, "{% for m in messages %}{{ m.content }}<|end|>{% endfor %}", nil)
	path := filepath.Join(dir, "tokenizer.json")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file map[string]any
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	begin := map[string]any{"SpecialToken": map[string]any{"id": "<|start|>", "type_id": 0}}
	text := map[string]any{"Sequence": map[string]any{"id": "A", "type_id": 0}}
	file["post_processor"] = map[string]any{"type": "TemplateProcessing", "single": []any{begin, text}, "pair": []any{begin, text},
		"special_tokens": map[string]any{"<|start|>": map[string]any{"id": "<|start|>", "ids": []int{1}, "tokens": []string{"<|start|>"}}}}
	if data, err = json.Marshal(file); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "tokenizer.json", string(data))
	return dir
}

// weightsWith are a model's config and an embedding in which the given tokens' rows are zero.
func weightsWith(t *testing.T, empty ...int) map[string]string {
	t.Helper()
	const rows, width = 482, 8
	values := make([]float32, rows*width)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range values {
		if !slices.Contains(empty, i/width) {
			values[i] = float32(random.NormFloat64())
		}
	}
	raw, err := weights.EncodeFloat32(values, weights.F32)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	err = weights.WriteSafetensors(dir, func(yield func(weights.Tensor, func() ([]byte, error)) bool) {
		yield(weights.Tensor{Name: model.EmbedName, DType: weights.F32, Shape: []int{rows, width}}, func() ([]byte, error) { return raw, nil })
	}, 1<<30, nil)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(dir, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"model.safetensors": string(file), "config.json": `{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "eos_token_id": 0, "vocab_size": 482, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "max_position_embeddings": 8192, "tie_word_embeddings": true, "rms_norm_eps": 1e-5}`}
}

const (
	long = "word word word word word word word word word word word word word word word word word word word word word word word word"
	user = `{"role": "user", "content": "say"}`
)

// TestFindings plants one fault at a time.
func TestFindings(t *testing.T) {
	good := makeModel(t, chatTemplate, nil)
	with := func(rows []string, more ...string) []string { return append(slices.Clone(rows), more...) }
	tests := []struct {
		id      string
		model   string
		rows    []string
		options []string
		count   int // rows; -1 when the finding is not about rows
		says    string
	}{
		{"no-answer", good, with(chats(40), `{"messages": [`+user+`]}`), nil, 1, "no assistant turn"},
		{"empty-answer", good, with(chats(40), `{"messages": [`+user+`, {"role": "assistant", "content": " "}]}`), nil, 1, "say nothing"},
		{"ends-with-question", good, with(chats(40), `{"messages": [`+user+`, {"role": "assistant", "content": "a"}, {"role": "user", "content": "b"}]}`), nil, 1, "do not end"},
		{"odd-role", good, with(chats(40), `{"messages": [{"role": "narrator", "content": "x"}, `+user+`, {"role": "assistant", "content": "a"}]}`), nil, 1, "role other than"},
		{"slow-rows", good, with(chats(40), `{"messages": [`+user+`, {"role": "assistant", "content": "`+strings.Repeat("a", 30_000)+`"}]}`), nil, 1, "20,000"},
		{"questions-trained", good, chats(40), nil, -1, "user's turns"},
		{"user-trained", makeModel(t, "{% for m in messages %}{% generation %}<|start|>{{ m.role }}\n{{ m.content }}<|end|>\n{% endgeneration %}{% endfor %}", nil), chats(40), []string{"assistant_only_loss=true"}, -1, "wrong place"},
		{"generation-markers", makeModel(t, "{% for m in messages %}<|start|>{{ m.role }}\n{{ m.content }}<|end|>\n{% endfor %}", nil), chats(40), []string{"assistant_only_loss=true"}, -1, "no generation markers"},
		{"eos-never-trained", makeModel(t, "{% for m in messages %}<|start|>{{ m.role }}\n{{ m.content }}\n{% endfor %}", nil), chats(40), nil, 40, "<|end|>"},
		{"eos-disagrees", makeModel(t, chatTemplate, map[string]string{"generation_config.json": `{"eos_token_id": [1]}`}), chats(40), nil, -1, "generation_config.json <|start|>"},
		{"answers-cut", good, with(chats(40), `{"messages": [{"role": "user", "content": "`+long+`"}, {"role": "assistant", "content": "a"}]}`), []string{"assistant_only_loss=true", "max_length=64"}, 1, "whole answer"},
		{"eos-cut", good, with(chats(40), `{"messages": [`+user+`, {"role": "assistant", "content": "`+long+`"}]}`), []string{"max_length=64"}, 1, "end token"},
		{"rows-truncated", good, with(chats(40), `{"messages": [`+user+`, {"role": "assistant", "content": "`+long+`"}]}`), []string{"max_length=64"}, 1, "max_length 64"},
		{"rows-dropped", good, with(chats(40), `{"messages": [`+user+`, {"role": "assistant", "content": "`+long+`"}]}`), []string{"max_length=64", "long_rows=drop"}, 1, "left out"},
		{"rows-split", good, with(chats(40), `{"messages": [`+user+`, {"role": "assistant", "content": "`+long+`"}]}`), []string{"max_length=64", "long_rows=split"}, 1, "pieces"},
		{"monster-row", good, with(chats(40), `{"messages": [`+user+`, {"role": "assistant", "content": "`+strings.Repeat(long+" ", 60)+`"}]}`), []string{"max_length=null"}, 1, "times the mean"},
		{"template-drops", makeModel(t, "{% for m in messages %}{% if m.role != 'user' %}<|start|>{{ m.role }}\n{{ m.content }}<|end|>\n{% endif %}{% endfor %}", nil), chats(40), nil, 40, "lose text"},
		{"template-adds-think", makeModel(t, "{% for m in messages %}<|start|>{{ m.role }}\n{% if m.role == 'assistant' %}<think>\n\n</think>\n{% endif %}{{ m.content }}<|end|>\n{% endfor %}", nil), chats(40), nil, 40, "think block"},
		{"template-adds", makeModel(t, "<|start|>system\nbe a good and helpful friend to all people<|end|>\n{% for m in messages %}<|start|>{{ m.role }}\n{{ m.content }}<|end|>\n{% endfor %}", nil), chats(40), nil, -1, "helpful friend"},
		{"special-text", good, with(chats(40), `{"messages": [`+user+`, {"role": "assistant", "content": "use <|end|> to stop"}]}`), nil, 1, "special token"},
		{"unused-columns", good, []string{`{"messages": [` + user + `, {"role": "assistant", "content": "a"}], "tools_used": 1, "id": 2}`, `{"messages": [` + user + `, {"role": "assistant", "content": "b"}], "tools_used": 1, "id": 2}`}, nil, -1, "id"},
		{"unused-columns", good, []string{`{"text": "a b", "answer": "x"}`, `{"text": "a c", "answer": "x"}`}, nil, -1, "looks like something"},
		{"duplicates", good, with(chats(40), chats(3)...), nil, 3, "equal to an earlier"},
		{"packing-steps", good, chats(40), []string{"packing=true", "max_length=256"}, -1, "sequences"},
		{"batch-exceeds-data", good, chats(5), []string{"gradient_accumulation_steps=64"}, -1, "only 5"},
		{"unused-columns", good, []string{`{"messages": [` + user + `, {"role": "assistant", "content": "a"}], "system_prompt": "be kind"}`}, nil, -1, "system_prompt looks like"},
		{"few-steps", good, chats(5), []string{"num_train_epochs=1"}, -1, "optimizer steps"},
		{"warmup-exceeds-run", good, chats(40), []string{"warmup_steps=500"}, -1, "warmup_steps 500"},
		{"many-epochs", good, chats(10), []string{"max_steps=1000"}, -1, "by heart"},
		{"row-error", good, with(chats(40), `{"messages": "not a list"}`), nil, 1, "cannot be prepared"},
		{"data-unusable", good, []string{`{"a": 1}`}, nil, -1, "data.jsonl"},
		{"data-unusable", good, []string{`{"question": "say a", "answer": "b", "topic": "c"}`}, nil, -1, "question, answer"},
		{"data-unusable", good, []string{`{"prompt": "say a", "chosen": "b", "rejected": "c"}`}, nil, -1, "chosen"},
		{"data-unusable", good, chats(3), []string{"dataset_name=/does/not/exist.jsonl"}, -1, "exist"},
		{"model-unusable", t.TempDir(), chats(3), nil, -1, "tokenizer"},
		{"untrained-special-tokens", makeModel(t, "{% for m in messages %}{{ m.role }}: {{ m.content }}{% endfor %}", nil), chats(40), []string{"use_peft=true", "chat_template=" + chatTemplate}, -1, "frozen"},
		{"cache-with-checkpointing", good, chats(40), []string{"use_cache=true"}, -1, "use_cache"},
		{"value-not-text", good, with(chats(40), `{"messages": [`+user+`, {"role": "assistant", "content": [{"type": "text", "text": "a"}]}]}`), nil, 1, "no text"},
		{"value-not-text", good, with(chats(40), `{"messages": [`+user+`, {"role": "assistant", "content": 5}]}`), nil, 1, "no text"},
		{"json-as-text", good, []string{`{"text": "plain"}`, `{"text": "[{\"role\": \"user\", \"content\": \"hi\"}]"}`}, nil, 1, "decode"},
		{"padding-trained", good, with(ids(40), `{"input_ids": [5, 6, 0, 2, 2, 2], "labels": [5, 6, 0, 2, 2, 2]}`), []string{"pad_token=!"}, 1, "padding"},
		{"pretokenized", good, ids(40), nil, -1, "input_ids"},
		{"nothing-trained", good, with(ids(40), `{"input_ids": [5, 6, 0], "labels": [-100, -100, -100]}`), nil, 1, "no token"},
		{"empty-step", good, with(ids(40), `{"input_ids": [5, 6, 0], "labels": [-100, -100, -100]}`), []string{"max_length=null", "gradient_accumulation_steps=1"}, 1, "rows 40"},
		{"empty-step", good, append(mute(12), ids(3)...), []string{"max_length=8", "packing=true", "gradient_accumulation_steps=1"}, -1, "means nothing"},
		{"token-outside-model", makeModel(t, chatTemplate, map[string]string{"config.json": `{"vocab_size": 60, "eos_token_id": 0}`}), chats(40), nil, -1, "embedding ends at 59"},
		{"beyond-positions", makeModel(t, chatTemplate, map[string]string{"config.json": `{"max_position_embeddings": 64, "eos_token_id": 0}`}), with(chats(40), `{"messages": [`+user+`, {"role": "assistant", "content": "`+long+`"}]}`), nil, 1, "64 positions"},
		{"tools-dropped", good, with(chats(40), `{"messages": [`+user+`, {"role": "assistant", "content": "a"}], "tools": [{"type": "function", "function": {"name": "f"}}]}`), nil, -1, "offer tools"},
		{"tool-calls-dropped", good, with(chats(40), `{"messages": [`+user+`, {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": {}}}]}]}`), nil, 1, "tool calls"},
		{"turns-untrained", makeModel(t, "{% for m in messages %}<|start|>{{ m.role }}\n{% if loop.last %}{% generation %}{{ m.content }}<|end|>{% endgeneration %}{% else %}{{ m.content }}<|end|>{% endif %}\n{% endfor %}", nil), []string{`{"messages": [` + user + `, {"role": "assistant", "content": "one"}, ` + user + `, {"role": "assistant", "content": "two"}]}`}, []string{"assistant_only_loss=true"}, 1, "only a part"},
		{"marker-not-a-token", makeModel(t, "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|end|>\n{% endfor %}", nil), chats(40), nil, -1, "<|im_start|>"},
		{"untrained-special-tokens", makeModel(t, chatTemplate, weightsWith(t, 1)), chats(40), []string{"use_peft=true"}, -1, "use <|start|>"},
		{"untrained-special-tokens", makeModel(t, chatTemplate, weightsWith(t, 1)), chats(40), nil, -1, "not learnt <|start|>"},
		{"template-replaced", good, chats(40), []string{"chat_template={% for m in messages %}{{ m.content }}<|end|>{% endfor %}"}, -1, "must use that one"},
		{"template-not-trained", good, pairs(40), nil, -1, "plain text"},
		{"no-stop-token", makeModel(t, chatTemplate, map[string]string{"tokenizer_config.json": `{"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<|user|>", "additional_special_tokens": ["<|user|>"], "chat_template": "{% for m in messages %}{{ m.content }}{% endfor %}"}`}), chats(40), nil, -1, "eos_token"},
		{"double-bos", good, with(pairs(30), `{"prompt": "<|start|><|start|>say\n", "completion": "a"}`), nil, 1, "twice"},
		{"boundary-merge", good, with(pairs(40), `{"prompt": "say th", "completion": "e end"}`), nil, 1, "one token"},
		{"null-content", good, with(chats(40), `{"messages": [{"role": "user", "content": null}, {"role": "assistant", "content": "a"}]}`), nil, 1, "without content"},
		{"bad-answers-trained", good, []string{`{"prompt": "a\n", "completion": "b", "label": true}`, `{"prompt": "a\n", "completion": "c", "label": false}`}, nil, -1, "bad ones"},
		{"template-unusable", good, chats(3), []string{"chat_template_path=/does/not/exist.jinja"}, -1, "chat_template_path"},
		{"template-unusable", good, chats(3), []string{"chat_template={% for %}"}, -1, "template"},
		{"assistant-only-unsupported", good, pairs(40), []string{"assistant_only_loss=true"}, -1, "assistant_only_loss"},
		{"assistant-only-unsupported", good, ids(40), []string{"assistant_only_loss=true"}, -1, "assistant_only_loss"},
		{"eos-not-a-token", good, chats(40), []string{"eos_token=<|nope|>"}, -1, "vocabulary"},
		{"pad-not-a-token", good, chats(40), []string{"pad_token=<|nope|>"}, -1, "vocabulary"},
		{"columns-unusable", good, pairs(40), []string{"columns=prompt:q,completion:a"}, -1, "mapped"},
		{"completion-only-unused", good, chats(40), []string{"completion_only_loss=true"}, -1, "every token is trained"},
		{"completion-only-unused", good, []string{`{"text": "a b"}`, `{"text": "a c"}`}, []string{"completion_only_loss=true"}, -1, "every token is trained"},
		{"completion-mask-unused", good, []string{`{"input_ids": [5, 6, 0], "completion_mask": [0, 1, 1]}`, `{"input_ids": [5, 7, 0], "completion_mask": [0, 1, 1]}`}, nil, -1, "ignored"},
		{"no-assistant-tokens", good, with(chats(40), `{"messages": [`+user+`]}`), []string{"assistant_only_loss=true"}, 1, "generation markers"},
		{"no-assistant-tokens", makeModel(t, "{% for m in messages %}{% if m.role == 'model' %}{% generation %}{{ m.content }}{% endgeneration %}{% else %}{{ m.role }}{{ m.content }}<|end|>{% endif %}{% endfor %}", nil), chats(40), []string{"assistant_only_loss=true"}, 40, "generation markers"},
		{"adapter-targets-missing", makeModel(t, chatTemplate, weightsWith(t)), chats(40), []string{"use_peft=true", "lora_target_modules=[q_proj, embed_tokens]"}, -1, "q_proj"},
		{"adapter-targets-missing", makeModel(t, chatTemplate, weightsWith(t)), chats(40), []string{"use_peft=true", "lora_modules_to_save=[embed_tokens, nope]"}, -1, "nope"},
		{"answers-cut", good, with(chats(40), `{"messages": [{"role": "user", "content": "`+long+`"}, {"role": "assistant", "content": "a"}]}`), []string{"assistant_only_loss=true", "max_length=64", "packing=true"}, 1, "whole answer"},
		{"no-full-batch", good, chats(3), []string{"per_device_train_batch_size=8", "dataloader_drop_last=true"}, -1, "no step"},
		{"odd-role", good, with(chats(40), `{"messages": [{"role": "human", "content": "x"}, {"role": "gpt", "content": "a"}]}`), nil, 1, "rename"},
		{"template-drops", good, with(chats(40), `{"messages": [`+user+`, {"role": "assistant", "content": "a", "reasoning_content": "since b"}]}`), nil, 1, "reasoning field"},
		{"empty-answer", good, []string{`{"text": "a b"}`, `{"text": ""}`}, nil, 1, "say nothing"},
		{"key-without-effect", good, chats(40), []string{"vision_model=true"}, -1, "text only"},
		{"no-rows-left", good, chats(3), []string{"max_length=1", "assistant_only_loss=true"}, -1, "No row"},
		{"holdout-overlap", good, with(chats(40), chats(3)...), []string{"eval_holdout=5", "eval_strategy=epoch"}, -1, "held out"},
		{"shape", good, ids(40), nil, -1, "as they are"},
		{"missing-bos", beginning(t), chats(40), nil, 40, "<|start|>"},
		{"eos-not-in-rows", good, chats(40), []string{"eos_token=<|user|>"}, -1, "they end with <|end|>"},
		{"eos-not-in-rows", makeModel(t, chatTemplate, map[string]string{"generation_config.json": `{"eos_token_id": [1, 0]}`}), chats(40), []string{"eos_token=<|start|>"}, -1, "no sampled row ends with it"},
		{"old-name", good, chats(40), []string{"evaluation_strategy=no"}, -1, "eval_strategy"},
	}
	for _, tt := range tests {
		t.Run(tt.id, func(t *testing.T) {
			list := checkRows(t, tt.model, tt.rows, tt.options...)
			f := find(list, tt.id)
			if f == nil {
				t.Fatalf("not found among %+v", list)
			}
			if !strings.Contains(f.Message, tt.says) || strings.Contains(f.Message, "%!") {
				t.Errorf("message %q lacks %q", f.Message, tt.says)
			}
			if tt.count >= 0 && (f.Count != tt.count || len(f.Rows) != tt.count || f.Share == 0) {
				t.Errorf("count %d, rows %v, share %g; want %d", f.Count, f.Rows, f.Share, tt.count)
			}
			if tt.count == 1 && f.Rows[0] != len(tt.rows)-1 {
				t.Errorf("row %v, want the last", f.Rows)
			}
			if f.Fix.Key == "" {
				return
			}
			again := checkRows(t, tt.model, tt.rows, append(slices.Clone(tt.options), f.Fix.Key+"="+f.Fix.Value)...)
			if left := find(again, tt.id); left != nil {
				t.Errorf("still there after %v: %s", f.Fix, left.Message)
			}
		})
	}
}

// TestStopChosenByRecipe: the saved model names the recipe's end token, so that other files name another is no fault.
func TestStopChosenByRecipe(t *testing.T) {
	model := makeModel(t, strings.ReplaceAll(chatTemplate, "<|end|>", "<|start|>"), map[string]string{"config.json": `{"eos_token_id": 0}`})
	f := find(checkRows(t, model, chats(40), "assistant_only_loss=true", "eos_token=<|start|>"), "eos-disagrees")
	if f == nil || f.Severity != recipes.SeverityNote || !strings.Contains(f.Message, "the saved model will name it") || !strings.Contains(f.Message, "recipe <|start|>") {
		t.Errorf("found %+v", f)
	}
}

// TestCleanData asks for silence on sets that have nothing wrong.
func TestCleanData(t *testing.T) {
	good := makeModel(t, chatTemplate, map[string]string{"config.json": `{"eos_token_id": 0}`, "generation_config.json": `{"eos_token_id": [0, 1]}`})
	text := make([]string, 40)
	named := make([]string, 40)
	for i := range text {
		text[i] = fmt.Sprintf(`{"text": "a line of plain text %d"}`, i)
		named[i] = fmt.Sprintf(`{"q": "say %d\n", "a": "it is %d"}`, i, i)
	}
	for name, c := range map[string]struct {
		rows    []string
		options []string
	}{
		"chats":           {chats(40), []string{"assistant_only_loss=true"}},
		"pairs":           {pairs(40), nil},
		"text":            {text, nil},
		"mapped":          {named, []string{"columns=prompt:q,completion:a"}},
		"lora":            {chats(40), []string{"use_peft=true", "learning_rate=2e-4", "assistant_only_loss=true"}},
		"with system":     {[]string{`{"messages": [{"role": "system", "content": "be kind"}, ` + user + `, {"role": "assistant", "content": "a"}]}`, chats(9)[8]}, []string{"assistant_only_loss=true", "max_steps=10"}},
		"tools":           {[]string{`{"messages": [` + user + `, {"role": "assistant", "content": "a"}], "tools": []}`, `{"messages": [` + user + `, {"role": "assistant", "content": "b"}], "tools": null}`}, []string{"max_steps=10", "assistant_only_loss=true"}},
		"tokenized":       {ids(40), nil},
		"rendered":        {[]string{`{"text": "<|start|>user\nsay<|end|>\n<|start|>assistant\na<|end|>"}`, `{"text": "<|start|>user\nsay<|end|>\n<|start|>assistant\nb<|end|>"}`}, []string{"max_steps=8"}},
		"put together":    {[]string{`{"text": "### Instruction: say a ### Response: b", "instruction": "say a", "output": "b"}`, `{"text": "### Instruction: say c ### Response: d", "instruction": "say c", "output": "d"}`}, []string{"max_steps=8"}},
		"chat and more":   {[]string{`{"messages": [` + user + `, {"role": "assistant", "content": "a"}], "text": "user: say", "answer": "7"}`, `{"messages": [` + user + `, {"role": "assistant", "content": "b"}], "text": "user: say", "answer": "8"}`}, []string{"max_steps=8", "assistant_only_loss=true"}},
		"few rows":        {chats(5), []string{"per_device_train_batch_size=8", "gradient_accumulation_steps=1"}},
		"packed":          {chats(200), []string{"packing=true", "max_length=64", "assistant_only_loss=true"}},
		"no limit":        {chats(40), []string{"max_length=null", "assistant_only_loss=true"}},
		"several turns":   {[]string{turns(1), turns(2), turns(3), turns(4)}, []string{"max_steps=8", "assistant_only_loss=true"}},
		"chat pairs":      {[]string{`{"prompt": [` + user + `], "completion": [{"role": "assistant", "content": "a"}]}`, `{"prompt": [` + user + `], "completion": [{"role": "assistant", "content": "b"}]}`}, []string{"max_steps=8"}},
		"from and value":  {[]string{`{"conversations": [{"from": "user", "value": "say"}, {"from": "assistant", "value": "a"}]}`, `{"conversations": [{"from": "user", "value": "say"}, {"from": "assistant", "value": "b"}]}`}, []string{"max_steps=8"}},
		"held out":        {chats(60), []string{"eval_holdout=0.1", "eval_strategy=epoch", "save_strategy=epoch", "assistant_only_loss=true"}},
		"code in answers": {append(chats(40), `{"messages": [`+user+`, {"role": "assistant", "content": "[{'type': 1}] and {\"messages\": [1]} and 5"}]}`), []string{"assistant_only_loss=true"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, f := range checkRows(t, good, c.rows, c.options...) {
				if f.Severity != recipes.SeverityNote {
					t.Errorf("false alarm: %+v", f)
				}
			}
		})
	}
}

func TestOverlapAndCache(t *testing.T) {
	good := makeModel(t, chatTemplate, nil)
	dir, cache := t.TempDir(), t.TempDir()
	data := write(t, dir, "train.jsonl", strings.Join(chats(40), "\n"))
	eval := write(t, dir, "eval.jsonl", strings.Join(chats(2), "\n"))
	r := recipes.Default()
	if err := r.Override([]string{"model_name_or_path=" + good, "dataset_name=" + data, "eval_dataset_name=" + eval, "eval_strategy=epoch", "save_strategy=epoch"}); err != nil {
		t.Fatal(err)
	}
	var messages [2]string
	for i := range messages {
		prepared := 0
		in := Open(context.Background(), r, OpenOptions{CacheDir: cache, Progress: func(int, int) { prepared++ }})
		in.Workers = 1
		list, err := Check(context.Background(), in)
		if err != nil {
			t.Fatal(err)
		}
		if err := in.Close(); err != nil {
			t.Fatal(err)
		}
		f := find(list, "eval-overlap")
		if f == nil || f.Count != 2 {
			t.Fatalf("overlap %+v", f)
		}
		if cached := i == 1; cached != (prepared == 0) {
			t.Errorf("check %d prepared rows: %v", i, prepared > 0)
		}
		messages[i] = fmt.Sprint(list)
	}
	if messages[0] != messages[1] {
		t.Errorf("the cached check differs:\n%s\n%s", messages[0], messages[1])
	}
}

func TestSampledCheckNamesRows(t *testing.T) {
	good := makeModel(t, chatTemplate, nil)
	rows := append(chats(100), `{"messages": [`+user+`]}`)
	rows[50] = rows[100]
	data := write(t, t.TempDir(), "d.jsonl", strings.Join(rows[:100], "\n"))
	r := recipes.Default()
	if err := r.Override([]string{"model_name_or_path=" + good, "dataset_name=" + data}); err != nil {
		t.Fatal(err)
	}
	in := Open(context.Background(), r, OpenOptions{MaxRows: 10})
	defer func() { _ = in.Close() }()
	list, err := Check(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	if f := find(list, "sampled"); f == nil || !strings.Contains(f.Message, "10 of 100") {
		t.Errorf("a sample without a word: %+v", f)
	}
	if f := find(list, "no-answer"); f == nil || len(f.Rows) != 1 || f.Rows[0] != 50 {
		t.Errorf("finding %+v, want row 50", f)
	}
}
