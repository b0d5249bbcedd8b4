package cmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"sftui/dataset/jinja"
	"sftui/setup"
)

// chatCommand is the line of `sftui chat` in the table of commands.
func chatCommand() command {
	return command{name: "chat", usage: "(--model DIR | --run RUN [--step N]) [--system TEXT] [--device D] [--dtype T] [--json] [max_new_tokens=N] [temperature=T] [top_p=P] [seed=N]",
		summary: "talk to a model, or to a run's checkpoint", details: chatDetails, run: runChat}
}

// chatDetails explains the options, the commands among the messages and the lines of --json.
const chatDetails = `Talks to a model folder, hub id or GGUF file (--model; a PEFT adapter's folder
is put on its base model), or to a run (--run, a name or a folder, TRL's too):
its final model, or with --step the checkpoint of that step.

  --system        the system message; /system sets another
  --device        auto, cpu, cuda or go
  --dtype         float32 or bfloat16, in which it is computed
  max_new_tokens  most tokens of a reply, 512
  temperature     0 answers greedily; above 0 draws
  top_p           draws from the likeliest tokens of this share only, 1
  seed            of the drawing, 42

A line is a message; one that ends with \ goes on in the next. /reset begins
anew, /system TEXT sets the system message, /set key=value an option, /quit or
the end of the input ends. Ctrl-C stops a reply, and ends while there is none.
Replies go to stdout, everything else to stderr.

--json: each input line is one JSON object and stands for itself. It has
"messages": [{"role": …, "content": …}, …], the whole conversation, or
"prompt": "…", one message of the user (--system goes before it; without a
chat template the text is continued as it stands). With them may stand
"tools", "kwargs" (variables of the chat template), and max_new_tokens,
temperature, top_p, seed for this reply. The answer is lines of
  {"token": "…"}     a piece of the reply, whole characters, as it comes
and then one of
  {"reply": "…", "tokens": n, "seconds": s, "finish": "stop"|"length"|"interrupted"}
  {"error": "…"}
reply is all the pieces together, tokens counts the stopping token too, and
seconds counts from the request. SIGINT stops the present reply.
`

func runChat(ctx context.Context, args []string, s streams) int {
	a, err := flagSet{values: []string{"model", "run", "step", "system", "device", "dtype"}, switches: []string{"json"}, options: true}.parse(args)
	if err == nil {
		err = a.stray("chat")
	}
	options := defaultChatOptions()
	for _, pair := range a.overrides {
		if err == nil {
			err = options.setPair(pair)
		}
	}
	if err == nil {
		err = options.check()
	}
	if err != nil {
		return fail(s, "chat", err)
	}
	c, err := openChat(ctx, a, s)
	if err != nil {
		return fail(s, "chat", err)
	}
	defer c.close()
	if ctx.Err() != nil {
		return exitWarning // interrupted while the model was loaded
	}
	c.options, c.system = options, a.values["system"]
	talk := newConversation(ctx, s.in)
	defer talk.close()
	if a.switches["json"] {
		return c.serve(talk, s)
	}
	return c.converse(talk, s)
}

// conversation reads lines and signals while a reply is in the making.
type conversation struct {
	ctx        context.Context // ends at a SIGTERM
	stop       func()
	lines      chan chatLine
	interrupts chan os.Signal
}

// chatLine is a line of the input, or how the input ended.
type chatLine struct {
	text string
	err  error // io.EOF at the end
}

// newConversation reads in the background. An interrupt no longer ends the
// program, because it stops a reply first.
func newConversation(ctx context.Context, in io.Reader) *conversation {
	t := &conversation{lines: make(chan chatLine), interrupts: make(chan os.Signal, 1)}
	signal.Notify(t.interrupts, os.Interrupt)
	t.ctx, t.stop = signal.NotifyContext(context.WithoutCancel(ctx), syscall.SIGTERM)
	go func() {
		defer close(t.lines)
		reader := bufio.NewReaderSize(in, 1<<16)
		for {
			text, err := reader.ReadString('\n')
			if text != "" {
				select {
				case t.lines <- chatLine{text: strings.TrimRight(text, "\r\n")}:
				case <-t.ctx.Done():
					return
				}
			}
			if err != nil {
				select {
				case t.lines <- chatLine{err: err}:
				case <-t.ctx.Done():
				}
				return
			}
		}
	}()
	return t
}

func (t *conversation) close() {
	signal.Stop(t.interrupts)
	t.stop()
}

// next waits for a line; io.EOF when there is no more, or when the person or
// the system wants an end.
func (t *conversation) next() (string, error) {
	select {
	case l := <-t.lines:
		return l.text, l.err
	case <-t.interrupts:
		return "", io.EOF
	case <-t.ctx.Done():
		return "", io.EOF
	}
}

// interruptible is a context that ends with an interrupt too.
func (t *conversation) interruptible() (context.Context, func()) {
	ctx, cancel := context.WithCancel(t.ctx)
	go func() {
		select {
		case <-t.interrupts:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// converse talks with a person.
func (c *chatter) converse(t *conversation, s streams) int {
	terminal := setup.IsTerminal(s.err)
	if terminal {
		c.greet(s.err)
	}
	var history []any
	for {
		if terminal {
			fmt.Fprint(s.err, "\n> ")
		}
		line, err := t.message()
		switch {
		case errors.Is(err, io.EOF):
			if terminal {
				fmt.Fprintln(s.err)
			}
			return exitDone
		case err != nil:
			return fail(s, "chat", fmt.Errorf("read a message: %w", err))
		case strings.TrimSpace(line) == "":
			continue
		case strings.HasPrefix(line, "/"):
			if !c.command(line, &history, s.err) {
				return exitDone
			}
			continue
		}
		r := chatRequest{messages: append(history[:len(history):len(history)], chatMessage("user", line)), options: c.options}
		if c.template == nil {
			r = chatRequest{prompt: line, options: c.options}
		}
		answer, err := c.print(t, r, s)
		if err != nil {
			fmt.Fprintf(s.err, "sftui chat: %s\n", oneLine(err))
			if !terminal {
				return exitFailure
			}
			continue
		}
		if terminal {
			fmt.Fprintf(s.err, "[%d tokens, %.1f a second, ended by %s]\n", answer.Tokens, float64(answer.Tokens)/answer.Seconds, answer.Finish)
		}
		if c.template != nil {
			history = slices.Concat(r.messages, []any{chatMessage("assistant", answer.Reply)})
		}
	}
}

// message is a line, with those that follow it after a backslash.
func (t *conversation) message() (string, error) {
	line, err := t.next()
	for err == nil && strings.HasSuffix(line, `\`) {
		var more string
		more, err = t.next()
		line = strings.TrimSuffix(line, `\`) + "\n" + more
	}
	return line, err
}

// print streams a reply to stdout.
func (c *chatter) print(t *conversation, r chatRequest, s streams) (chatReply, error) {
	ctx, cancel := t.interruptible()
	defer cancel()
	answer, err := c.reply(ctx, r, func(piece string) error {
		_, err := io.WriteString(s.out, piece)
		return err
	})
	if err != nil {
		return answer, err
	}
	_, err = io.WriteString(s.out, "\n")
	return answer, err
}

// greet tells who answers.
func (c *chatter) greet(w io.Writer) {
	fmt.Fprintf(w, "%s on %s\n", c.name, c.device)
	if c.template == nil {
		fmt.Fprintln(w, "This model has no chat template: what you write is continued as plain text, and nothing is kept.")
	}
	fmt.Fprintln(w, "/reset, /system TEXT, /set key=value, /quit; Ctrl-C stops a reply.")
}

// command obeys a line that begins with a slash and reports whether to go on.
func (c *chatter) command(line string, history *[]any, w io.Writer) bool {
	name, argument, _ := strings.Cut(strings.TrimSpace(line), " ")
	argument = strings.TrimSpace(argument)
	switch name {
	case "/quit", "/exit":
		return false
	case "/reset":
		*history = nil
		fmt.Fprintln(w, "The conversation begins anew.")
	case "/system":
		c.system = argument
		if argument == "" {
			fmt.Fprintln(w, "There is no system message now.")
		} else {
			fmt.Fprintln(w, "The system message is set.")
		}
	case "/set":
		changed := c.options
		err := changed.setPair(argument)
		if err == nil {
			err = changed.check()
		}
		if err != nil {
			fmt.Fprintf(w, "sftui chat: %v\n", err)
			return true
		}
		c.options = changed
	default:
		fmt.Fprintf(w, "%s is not a command: /reset, /system TEXT, /set key=value and /quit are.\n", name)
	}
	return true
}

// chatMessage is one message as a template sees it.
func chatMessage(role, content string) *jinja.Dict {
	m := jinja.NewDict(2)
	m.Set("role", role)
	m.Set("content", content)
	return m
}
