package cmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"sftui/engine/compute"
)

// TestTextStream splits texts of many bytes a character into tokens of one byte
// each: no piece may hold a part of a character, and together they are the text.
func TestTextStream(t *testing.T) {
	decode := func(ids []int32) string {
		raw := make([]byte, len(ids))
		for i, id := range ids {
			raw[i] = byte(id)
		}
		return strings.ToValidUTF8(string(raw), unfinished)
	}
	for _, text := range []string{"plain", "naïve 你好 🌟🧑‍🚀 ok", "", "ends 🌟"} {
		s := textStream{decode: decode}
		var pieces []string
		for _, b := range []byte(text) {
			if piece := s.add(int32(b)); piece != "" {
				pieces = append(pieces, piece)
			}
		}
		if rest := s.rest(); rest != "" {
			t.Errorf("%q was held back of %q", rest, text)
		}
		if got := strings.Join(pieces, ""); got != text || len(pieces) != utf8.RuneCountInString(text) {
			t.Errorf("%q came as %q", text, pieces)
		}
	}
	s := textStream{decode: decode}
	for _, b := range []byte("a🌟")[:3] {
		s.add(int32(b))
	}
	if rest := s.rest(); rest != unfinished {
		t.Errorf("a reply that ends within a character has the rest %q", rest)
	}
	if s.rest() != "" {
		t.Error("the rest was said twice")
	}
}

// TestTextStreamContext has a decoder that writes its first token without the
// space before it, as SentencePiece's do.
func TestTextStreamContext(t *testing.T) {
	words := []string{" one", " two", " three"}
	s := textStream{decode: func(ids []int32) string {
		var b strings.Builder
		for _, id := range ids {
			b.WriteString(words[id])
		}
		return strings.TrimPrefix(b.String(), " ")
	}}
	if got := s.add(0) + s.add(1) + s.add(2) + s.rest(); got != "one two three" {
		t.Errorf("got %q", got)
	}
}

func TestChatOptions(t *testing.T) {
	for pair, want := range map[string]string{
		"temperature=0.5":  "",
		"max_new_tokens=0": "at least 1",
		"max_new_tokens=x": "must be a number",
		"temperature=-1":   "0 (greedy) or above",
		"temperature=NaN":  "0 (greedy) or above",
		"top_p=0.5":        "set temperature above 0",
		"top_p=0":          "above 0 and at most 1",
		"top_k=5":          "not an option of chat",
		"seed":             "not key=value",
	} {
		o := defaultChatOptions()
		err := o.setPair(pair)
		if err == nil {
			err = o.check()
		}
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", pair, err, want)
		}
	}
}

func TestChatFolder(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"checkpoint-5/config.json", "checkpoint-20/adapter_config.json"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, path, "{}")
	}
	folder := func(values ...string) (string, error) {
		a := arguments{values: map[string]string{}}
		for i := 0; i < len(values); i += 2 {
			a.values[values[i]] = values[i+1]
		}
		return chatFolder(a)
	}
	if got, err := folder("run", dir); err != nil || got != filepath.Join(dir, "checkpoint-20") {
		t.Errorf("newest: %s %v", got, err)
	}
	if got, err := folder("run", dir, "step", "5"); err != nil || got != filepath.Join(dir, "checkpoint-5") {
		t.Errorf("step 5: %s %v", got, err)
	}
	if _, err := folder("run", dir, "step", "6"); err == nil || !strings.Contains(err.Error(), "steps 5, 20") {
		t.Errorf("step 6: %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "model"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "model", "config.json"), "{}")
	if got, err := folder("run", dir); err != nil || got != filepath.Join(dir, "model") {
		t.Errorf("final model: %s %v", got, err)
	}
	for _, wrong := range [][]string{{}, {"model", "m", "run", "r"}, {"model", "m", "step", "1"}, {"run", filepath.Join(dir, "none")}, {"run", t.TempDir()}} {
		if got, err := folder(wrong...); err == nil {
			t.Errorf("%v gave %s", wrong, got)
		}
	}
}

func TestChatAdapter(t *testing.T) {
	parse := func(text string) (*compute.LoRAConfig, error) {
		var a adapterConfig
		if err := json.Unmarshal([]byte(text), &a); err != nil {
			t.Fatal(err)
		}
		return a.lora("folder")
	}
	got, err := parse(`{"peft_type": "LORA", "base_model_name_or_path": "b", "r": 4, "lora_alpha": 8, "use_rslora": true, "bias": "none",
		"target_modules": ["q_proj", "v_proj"], "modules_to_save": null, "rank_pattern": {}, "use_dora": false}`)
	if err != nil || got.R != 4 || got.Alpha != 8 || !got.UseRSLoRA || got.InitFrom != "folder" || !slices.Equal(got.TargetModules, []string{"q_proj", "v_proj"}) {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := parse(`{"peft_type": "LORA", "base_model_name_or_path": "b", "r": 4, "target_modules": "all-linear"}`); err != nil || !slices.Equal(got.TargetModules, []string{"all-linear"}) {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := parse(`{"peft_type": "LORA", "base_model_name_or_path": "b", "r": 4, "modules_to_save": ["lm_head"]}`); err != nil || !slices.Equal(got.ModulesToSave, []string{"lm_head"}) {
		t.Errorf("%+v %v", got, err)
	}
	for _, text := range []string{
		`{"peft_type": "IA3", "base_model_name_or_path": "b"}`,
		`{"peft_type": "LORA", "r": 4}`,
		`{"peft_type": "LORA", "base_model_name_or_path": "b", "r": 4, "use_dora": true}`,
		`{"peft_type": "LORA", "base_model_name_or_path": "b", "r": 4, "rank_pattern": {"q_proj": 8}}`,
		`{"peft_type": "LORA", "base_model_name_or_path": "b", "r": 4, "target_modules": [1]}`,
	} {
		if _, err := parse(text); err == nil {
			t.Errorf("taken: %s", text)
		}
	}
	for key, value := range map[string]string{
		"use_dora": "true", "alpha_pattern": `{"q_proj": 8}`, "rank_pattern": `{"q_proj": 8}`, "bias": `"all"`,
		"layer_replication": "[[0, 2], [1, 3]]", "init_lora_weights": `"pissa_niter_4"`,
	} {
		_, err := parse(fmt.Sprintf(`{"peft_type": "LORA", "base_model_name_or_path": "b", "r": 4, %q: %s}`, key, value))
		if err == nil || !strings.HasPrefix(err.Error(), key) {
			t.Errorf("%s: %v", key, err)
		}
	}
	if _, err := parse(`{"peft_type": "LORA", "base_model_name_or_path": "b", "r": 4, "init_lora_weights": "gaussian"}`); err != nil {
		t.Errorf("A and B are the same however A was drawn: %v", err)
	}
}

// testDevice is XLA where its plugin is, else the pure Go backend.
func testDevice() string {
	if os.Getenv("PJRT_PLUGIN_LIBRARY_PATH") == "" {
		return "go"
	}
	return "cpu"
}

// chatLines runs sftui chat --json over lines and returns what it wrote.
func chatLines(t *testing.T, input string, args ...string) (status int, out []map[string]any) {
	t.Helper()
	s := streams{in: strings.NewReader(input), out: &bytes.Buffer{}, err: &bytes.Buffer{}}
	status = runChat(t.Context(), append([]string{"--json", "--device", testDevice()}, args...), s)
	decoder := json.NewDecoder(s.out.(*bytes.Buffer))
	for decoder.More() {
		var line map[string]any
		if err := decoder.Decode(&line); err != nil {
			t.Fatal(err)
		}
		out = append(out, line)
	}
	if len(out) == 0 {
		t.Fatalf("status %d and no answer: %s", status, s.err)
	}
	return status, out
}

// lastReply joins the pieces of one reply and compares them with the whole.
func lastReply(t *testing.T, out []map[string]any) string {
	t.Helper()
	var pieces strings.Builder
	for _, line := range out[:len(out)-1] {
		piece, ok := line["token"].(string)
		if !ok {
			t.Fatalf("%v is not a piece", line)
		}
		pieces.WriteString(piece)
	}
	last := out[len(out)-1]
	reply, ok := last["reply"].(string)
	if !ok || reply != pieces.String() {
		t.Fatalf("the pieces %q are not the reply of %v", pieces.String(), last)
	}
	for _, key := range []string{"tokens", "seconds", "finish"} {
		if last[key] == nil {
			t.Errorf("%s is missing in %v", key, last)
		}
	}
	return reply
}

// TestChatEndsAtPositions has a model of 128 positions, of which the prompt takes two.
func TestChatEndsAtPositions(t *testing.T) {
	_, out := chatLines(t, `{"prompt": "w3 w4", "max_new_tokens": 300}`, "--model", newTiny(t).model)
	last := out[len(out)-1]
	if n, _ := last["tokens"].(float64); n == 0 || n > 126 || n < 126 && last["finish"] == finishLength {
		t.Errorf("the reply %v has to end with the 126 positions left", last)
	}
}

func TestChatJSON(t *testing.T) {
	m := newTiny(t)
	_, plain := chatLines(t, `{"prompt": "w3 w4", "max_new_tokens": 5}`, "--model", m.model)
	continued := lastReply(t, plain)
	if n := plain[len(plain)-1]["tokens"].(float64); n < 1 || n > 5 {
		t.Errorf("%v tokens", n)
	}
	if _, out := chatLines(t, `{"messages": [{"role": "user", "content": "w1"}]}`, "--model", m.model); out[0]["error"] == nil || out[0]["code"] != "no_template" {
		t.Errorf("messages without a template gave %v", out)
	}

	write(t, filepath.Join(m.model, "chat_template.jinja"), `{% for m in messages %}{{ m.content }} {% if m.role == 'assistant' %}<eos>{% endif %}{% endfor %}`)
	requests := `{"prompt": "w3 w4", "max_new_tokens": 5}` + "\n\n" + // the template renders it as the same tokens
		`{"messages": [{"role": "user", "content": "w3 w4"}], "max_new_tokens": 5, "temperature": 0}` + "\n" +
		"nonsense\n" + `{"prompt": 3}` + "\n" + `{"prompt": "w1", "temprature": 1}` + "\n" + `{"prompt": "w1", "messages": [1]}` + "\n" + `{"messages": []}`
	status, out := chatLines(t, requests, "--model", m.model)
	ends := slices.DeleteFunc(slices.Clone(out), func(line map[string]any) bool { return line["token"] != nil })
	if status != exitWarning || len(ends) != 7 {
		t.Fatalf("status %d, answers %v", status, ends)
	}
	for i, end := range ends {
		if i < 2 && end["reply"] != continued || i >= 2 && end["error"] == nil {
			t.Errorf("answer %d is %v; continued alone the text is %q", i, end, continued)
		}
	}
}

// TestChatSampling draws the same reply for the same seed and others for others.
func TestChatSampling(t *testing.T) {
	m := newTiny(t)
	replies := map[string]bool{}
	ask := func(seed string) string {
		_, out := chatLines(t, `{"prompt": "w3 w4"}`, "--model", m.model, "max_new_tokens=8", "temperature=5", "top_p=0.95", "seed="+seed)
		return lastReply(t, out)
	}
	for _, seed := range []string{"1", "2", "3"} {
		replies[ask(seed)] = true
	}
	if first := ask("1"); len(replies) < 2 || !replies[first] {
		t.Errorf("three seeds drew %v, the first again %q", replies, first)
	}
}

// TestChatRun talks to a LoRA run: its checkpoint answers as the merged model does, not as the base model.
func TestChatRun(t *testing.T) {
	for _, saved := range []string{"null", "[lm_head]"} {
		t.Run("modules_to_save "+saved, func(t *testing.T) { chatsWithRun(t, saved) })
	}
}

// chatsWithRun is TestChatRun with the modules that are trained whole beside the adapter.
func chatsWithRun(t *testing.T, saved string) {
	m := newTiny(t)
	dir := filepath.Join(t.TempDir(), "run")
	if status, _, errText := sftui(t, "train", "--recipe", m.recipe, "--run", dir, "max_steps=10", "learning_rate=0.1", "use_peft=true", "lora_target_modules=all-linear", "lora_modules_to_save="+saved); status != exitDone {
		t.Fatalf("train: status %d: %s", status, errText)
	}
	merged := filepath.Join(t.TempDir(), "merged")
	if status, _, errText := sftui(t, "export", "--run", dir, "--step", "10", "--merge", "--dtype", "float32", merged); status != exitDone {
		t.Fatalf("export: status %d: %s", status, errText)
	}
	ask := func(args ...string) string {
		_, out := chatLines(t, `{"prompt": "w3 w4 w5", "max_new_tokens": 6}`, args...)
		return lastReply(t, out)
	}
	base, run, newest, exported := ask("--model", m.model), ask("--run", dir, "--step", "10"), ask("--run", dir), ask("--model", merged)
	if run != exported || newest != exported || run == base {
		t.Errorf("base %q, checkpoint %q, newest %q, merged %q", base, run, newest, exported)
	}
	logits := func(model string) logitsAnswer {
		status, out, errText := sftui(t, "logits", "--model", model, "--ids", "3,4,5")
		var answer logitsAnswer
		if err := json.Unmarshal([]byte(out), &answer); status != exitDone || err != nil {
			t.Fatalf("logits: status %d: %v %s", status, err, errText)
		}
		return answer
	}
	plain, adapted, folded := logits(m.model), logits(filepath.Join(dir, "checkpoint-10")), logits(merged)
	for i, want := range folded.LogSumExp {
		if math.Abs(adapted.LogSumExp[i]-want) > 1e-4 || math.Abs(plain.LogSumExp[i]-want) < 1e-3 {
			t.Errorf("position %d: base %v, adapter %v, merged %v", i, plain.LogSumExp[i], adapted.LogSumExp[i], want)
		}
	}
}

func TestChatConversation(t *testing.T) {
	m := newTiny(t)
	write(t, filepath.Join(m.model, "chat_template.jinja"), `{% for m in messages %}{{ m.content }} {% endfor %}`)
	talk := func(input string) (string, string) {
		var out, errs bytes.Buffer
		status := runChat(t.Context(), []string{"--model", m.model, "--device", testDevice(), "max_new_tokens=4"}, streams{in: strings.NewReader(input), out: &out, err: &errs})
		if status != exitDone {
			t.Fatalf("status %d: %s", status, errs.String())
		}
		return out.String(), errs.String()
	}
	twice, _ := talk("w1 w2\nw1 w2\n")
	fresh, notes := talk("w1 w2\n/reset\nw1 \\\nw2\n/nothing\n/set seed=x\n/quit\nw1\n")
	lines := strings.Split(strings.TrimSpace(fresh), "\n")
	if len(lines) != 2 || lines[0] != lines[1] || !strings.HasPrefix(twice, lines[0]+"\n") {
		t.Errorf("%q after /reset, %q without", fresh, twice)
	}
	for _, want := range []string{"begins anew", "/nothing is not a command", "seed is \"x\""} {
		if !strings.Contains(notes, want) {
			t.Errorf("%q is missing in %s", want, notes)
		}
	}
	system, _ := talk("/system w9 w8 w7\nw1 w2\n")
	_, out := chatLines(t, `{"prompt": "w1 w2", "max_new_tokens": 4}`, "--model", m.model, "--system", "w9 w8 w7")
	if got := lastReply(t, out); strings.TrimSpace(system) != strings.TrimSpace(got) {
		t.Errorf("/system gives %q, --system %q", system, got)
	}
}

func FuzzChatRequest(f *testing.F) {
	for _, seed := range []string{`{"prompt": "a"}`, `{"messages": [{"role": "user"}], "seed": 1e400}`, `{"kwargs": {}, "tools": [], "max_new_tokens": -1}`, `[]`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		c := chatter{options: defaultChatOptions()}
		r, err := c.parseRequest(line)
		if err == nil && (r.messages == nil) == (r.prompt == "") {
			t.Errorf("%q is taken without something to answer: %+v", line, r)
		}
		if err == nil && r.options.check() != nil {
			t.Errorf("%q is taken with %+v", line, r.options)
		}
	})
}
