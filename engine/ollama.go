package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"sftui/dataset"
	"sftui/dataset/jinja"
	"sftui/engine/compute"
	"sftui/engine/weights"
)

// Names of the files of an export for llama.cpp and Ollama.
const (
	ggufFile  = "model.gguf"
	modelfile = "Modelfile"
)

// exportGGUF writes out/model.gguf and the Modelfile by which Ollama takes it. The model folder that they are made from
// lies beside out meanwhile, on the same disk.
func exportGGUF(trainer compute.Trainer, out string, o compute.ExportOptions) error {
	folder := out + ".folder"
	err := exportTo(trainer, folder, o)
	if err == nil {
		err = convertToGGUF(folder, out, o.DType)
	}
	return errors.Join(err, os.RemoveAll(folder))
}

func convertToGGUF(folder, out, dtype string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	if err := weights.ExportGGUF(folder, filepath.Join(out, ggufFile), dtype); err != nil {
		return errors.Join(err, os.Remove(out))
	}
	tok, err := dataset.OpenTokenizer(folder)
	if err != nil {
		return err
	}
	begins, err := addedBOS(tok)
	text := ollamaModelfile(tok.ChatTemplate(), tok.SpecialTokens(), begins)
	if err := errors.Join(err, tok.Close()); err != nil {
		return err
	}
	return weights.WriteFile(filepath.Join(out, modelfile), []byte(text))
}

// addedBOS is the text of the begin token where the tokenizer puts it before every text, as llama.cpp then does; else "".
func addedBOS(tok *dataset.Tokenizer) (string, error) {
	text, id := tok.BOS()
	ids, err := tok.EncodeSpecial("a")
	if err != nil || len(ids) == 0 || id < 0 || ids[0] != id {
		return "", err
	}
	return text, nil
}

// ollamaModelfile says how Ollama runs the model; begin is what llama.cpp puts before the prompt. Its TEMPLATE is found by rendering the chat template and kept only
// when it gives the same text on chats it was not made from; otherwise the file says that there is none.
func ollamaModelfile(source string, specials map[string]string, begin string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# ollama create my-model -f %s\nFROM ./%s\n", modelfile, ggufFile)
	p, err := newTurns(source, specials, begin)
	switch {
	case source == "":
		b.WriteString("# The model has no chat template: prompts are continued as they are.\nTEMPLATE \"\"\"{{ .Prompt }}\"\"\"\n")
	case err != nil:
		fmt.Fprintf(&b, "# No TEMPLATE: %s. Ollama guesses one; write your own to be sure.\n", err)
	default:
		fmt.Fprintf(&b, "TEMPLATE \"\"\"%s\"\"\"\n", p.goTemplate())
	}
	stops := []string{specials["eos_token"]}
	if p != nil {
		stops = append(stops, strings.TrimSpace(p.tail["assistant"]))
	}
	for _, stop := range slices.Compact(stops) {
		if stop != "" && !strings.ContainsAny(stop, "\"\n") {
			fmt.Fprintf(&b, "PARAMETER stop \"%s\"\n", stop)
		}
	}
	return b.String()
}

// turns is a chat template taken apart: what stands before and after the messages of each role.
type turns struct {
	template *jinja.Template
	specials map[string]string
	begin    string // left out of every rendering, since llama.cpp adds it

	opening    string // before the first message where no system message is given; may hold a default one
	head, tail map[string]string
	reply      string // what asks for a reply
}

// Words that no template has in it.
const (
	probeSystem    = "qqSystemqq"
	probeUser      = "qqUserqq"
	probeAssistant = "qqAssistantqq"
	probeAgain     = "qqAgainqq"
)

// newTurns takes a template apart and checks the result.
func newTurns(source string, specials map[string]string, begin string) (*turns, error) {
	if source == "" {
		return nil, nil
	}
	if strings.Contains(source, "strftime_now") {
		return nil, fmt.Errorf("the chat template writes today's date, which a Modelfile cannot")
	}
	parsed, err := jinja.Parse("chat template", source)
	if err != nil {
		return nil, err
	}
	t := &turns{template: parsed, specials: specials, begin: begin, head: map[string]string{}, tail: map[string]string{}}
	if !t.split() || !t.holds() {
		return nil, fmt.Errorf("the chat template does more than to put text around messages")
	}
	return t, nil
}

// chatOf pairs roles and contents.
func chatOf(turns ...string) [][2]string {
	var chat [][2]string
	for i := 0; i+1 < len(turns); i += 2 {
		chat = append(chat, [2]string{turns[i], turns[i+1]})
	}
	return chat
}

// render gives the text of a chat without what llama.cpp puts before it.
func (t *turns) render(chat [][2]string, reply bool) (string, error) {
	messages := make([]any, len(chat))
	for i, m := range chat {
		d := jinja.NewDict(2)
		d.Set("role", m[0])
		d.Set("content", m[1])
		messages[i] = d
	}
	kwargs := jinja.NewDict(len(t.specials))
	for role, token := range t.specials {
		kwargs.Set(role, token)
	}
	out, err := t.template.RenderChat(jinja.ChatInput{Messages: messages, AddGenerationPrompt: reply, Kwargs: kwargs}, jinja.Limits{})
	return strings.TrimPrefix(out.Text, t.begin), err
}

// split finds the parts from four chats; false when the template does not fall into such parts.
func (t *turns) split() bool {
	chat := chatOf("user", probeUser, "assistant", probeAssistant, "user", probeAgain)
	whole, err := t.render(chat, false)
	asked, askedErr := t.render(chat, true)
	withSystem, systemErr := t.render(append(chatOf("system", probeSystem), chat...), false)
	if err != nil || askedErr != nil || systemErr != nil {
		return false
	}
	before, middle, ok1 := strings.Cut(whole, probeUser)
	toAssistant, rest, ok2 := strings.Cut(middle, probeAssistant)
	toUser, last, ok3 := strings.Cut(rest, probeAgain)
	system, afterSystem, ok4 := strings.Cut(withSystem, probeSystem)
	systemToUser, _, ok5 := strings.Cut(afterSystem, probeUser)
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 {
		return false
	}
	answered, err := t.render(chat[:2], false)
	_, end, ok6 := strings.Cut(answered, probeAssistant)
	var ok [5]bool
	t.tail["user"], t.tail["assistant"], t.head["system"] = last, end, system
	t.head["assistant"], ok[0] = strings.CutPrefix(toAssistant, last)
	t.head["user"], ok[1] = strings.CutPrefix(toUser, end)
	t.reply, ok[2] = strings.CutPrefix(asked, whole)
	t.opening, ok[3] = strings.CutSuffix(before, t.head["user"])
	t.tail["system"], ok[4] = strings.CutSuffix(systemToUser, t.head["user"])
	return err == nil && ok6 && !slices.Contains(ok[:], false)
}

// goTemplate writes the parts as a template of Ollama's.
func (t *turns) goTemplate() string {
	var b strings.Builder
	if t.opening != "" {
		b.WriteString("{{ if not .System }}" + literal(t.opening) + "{{ end }}")
	}
	b.WriteString("{{ range .Messages }}")
	for i, role := range []string{"system", "user", "assistant"} {
		b.WriteString([]string{"{{ if", "{{ else if", "{{ else if"}[i] + ` eq .Role "` + role + `" }}`)
		b.WriteString(literal(t.head[role]) + "{{ .Content }}" + literal(t.tail[role]))
	}
	return b.String() + "{{ end }}{{ end }}" + literal(t.reply)
}

// literal protects what would end a Modelfile's text or begin an action.
func literal(text string) string {
	if strings.Contains(text, "{{") || strings.Contains(text, `"`) {
		return fmt.Sprintf("{{ %q }}", text)
	}
	return text
}

// holds compares the parts with the chat template on chats of other lengths.
func (t *turns) holds() bool {
	parsed, err := template.New("").Parse(t.goTemplate())
	if err != nil {
		return false
	}
	chats := [][][2]string{
		chatOf("user", "Hello?"),
		chatOf("system", "Be short.", "user", "What is 2+2?"),
		chatOf("user", "a", "assistant", "b", "user", "c"),
		chatOf("system", "s", "user", "One\n\ntwo", "assistant", "three", "user", "4", "assistant", "five, 六", "user", "?"),
	}
	for _, chat := range chats {
		want, err := t.render(chat, true)
		if err != nil {
			return false
		}
		type message struct{ Role, Content string }
		values := map[string]any{"System": ""}
		var messages []message
		for _, m := range chat {
			if m[0] == "system" {
				values["System"] = m[1]
			}
			messages = append(messages, message{m[0], m[1]})
		}
		values["Messages"] = messages
		var got strings.Builder
		if err := parsed.Execute(&got, values); err != nil || got.String() != want {
			return false
		}
	}
	return true
}
