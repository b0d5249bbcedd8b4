package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sftui/engine/run"
)

// ctlCommand is the line of `sftui ctl` in the table of commands.
func ctlCommand() command {
	return command{name: "ctl", usage: "RUN set key=value … [--force] | save | pause | resume | stop | stop_and_save | kill | status [--json]",
		summary: "steer a live run: change its batch size, save, pause, stop", details: ctlDetails, run: runCtl}
}

// ctlDetails says what set takes and how the ways to end a run differ.
const ctlDetails = `RUN is the name of a run or its folder; "sftui runs" lists them.

  set            takes per_device_train_batch_size, gradient_accumulation_steps
                 and learning_rate, one or several; --force applies a batch size
                 for which the forecast finds too little memory
  stop_and_save  writes a checkpoint and ends the run; stop ends it after the
                 present step without one
  kill           ends the process at once, as a crash would
  --json         the run's answer and its status, for programs
`

// verbs are what a run can be told.
func verbs() []run.Verb {
	return []run.Verb{run.Set, run.Save, run.Pause, run.Resume, run.Stop, run.StopAndSave, run.Kill, run.Query}
}

// ctlTimeout bounds the wait for a run's answer, which does not wait for a step.
const ctlTimeout = 10 * time.Second

// runCtl sends one command to a live run.
func runCtl(ctx context.Context, args []string, s streams) int {
	a, err := flagSet{switches: []string{"json", "force"}, options: true}.parse(args)
	if err != nil {
		return fail(s, "ctl", err)
	}
	if len(a.rest) < 2 {
		return fail(s, "ctl", errors.New("give a run and what to do: sftui ctl RUN set key=value …, or save, pause, resume, stop, stop_and_save, kill, status"))
	}
	if len(a.rest) > 2 {
		return fail(s, "ctl", fmt.Errorf("%q is one word too many", a.rest[2]))
	}
	r, err := findRun(a.rest[0])
	if err != nil {
		return fail(s, "ctl", err)
	}
	c := run.Command{Verb: run.Verb(strings.ReplaceAll(a.rest[1], "-", "_"))}
	if !slices.Contains(verbs(), c.Verb) {
		return fail(s, "ctl", fmt.Errorf("no command %q: use set, save, pause, resume, stop, stop_and_save, kill or status", a.rest[1]))
	}
	if c.Verb == run.Set && len(a.overrides) == 0 {
		return fail(s, "ctl", errors.New("set needs what to set: per_device_train_batch_size=N, gradient_accumulation_steps=N or learning_rate=X"))
	}
	if a.switches["force"] && c.Verb != run.Set {
		return fail(s, "ctl", fmt.Errorf("--force belongs to set, not to %s", c.Verb))
	}
	c.Force = a.switches["force"]
	if len(a.overrides) > 0 {
		c.Values = map[string]string{}
	}
	for _, pair := range a.overrides {
		key, value, _ := strings.Cut(pair, "=")
		c.Values[key] = value
	}
	return sendCommand(ctx, r, c, a.switches["json"], s)
}

// sendCommand sends c and prints the reply. The status of a run that is not
// live comes from its folder.
func sendCommand(ctx context.Context, r *run.Run, c run.Command, asJSON bool, s streams) int {
	ctx, cancel := context.WithTimeout(ctx, ctlTimeout)
	defer cancel()
	reply, err := r.Send(ctx, c)
	if errors.Is(err, run.ErrNotLive) {
		status, statusErr := r.Status()
		if statusErr != nil {
			return fail(s, "ctl", statusErr)
		}
		if c.Verb != run.Query {
			is := "is " + string(status.State)
			if status.State == run.Died {
				is = "died"
			}
			return fail(s, "ctl", fmt.Errorf("%s is not live: it %s at step %d", r.Dir, is, status.Step))
		}
		reply, err = run.Reply{OK: true, Status: &status}, nil
	}
	if err != nil {
		return fail(s, "ctl", err)
	}
	if asJSON {
		if err := json.NewEncoder(s.out).Encode(reply); err != nil {
			return wrote(err, s)
		}
	} else if reply.OK {
		if reply.Message != "" {
			fmt.Fprintln(s.err, reply.Message)
		} else if reply.Status != nil {
			fmt.Fprintln(s.err, statusLine(*reply.Status))
		}
	}
	if !reply.OK {
		return fail(s, "ctl", errors.New(reply.Message))
	}
	return exitDone
}

// statusLine is a run's status in one line.
func statusLine(st run.Status) string {
	line := fmt.Sprintf("%s  step %d/%d", st.State, st.Step, st.TotalSteps)
	if st.Step > 0 {
		line += fmt.Sprintf("  loss %.4f", float64(st.Loss))
	}
	if st.MicroBatch > 0 {
		line += fmt.Sprintf("  %d × %d rows", st.MicroBatch, st.Accumulation)
	}
	if st.Message != "" {
		line += "  " + st.Message
	}
	return line
}

// findRun finds a run by its folder, by its name among the runs, or "latest".
func findRun(name string) (*run.Run, error) {
	if _, err := os.Stat(name); err == nil {
		return run.Open(name)
	}
	root, err := run.DefaultRoot()
	if err != nil {
		return nil, err
	}
	if name == "latest" {
		list, err := run.List(root)
		if err != nil {
			return nil, err
		}
		if len(list) == 0 {
			return nil, fmt.Errorf("there is no run in %s yet", root)
		}
		return run.Open(list[0].Dir)
	}
	if filepath.Base(name) == name {
		if r, err := run.Open(filepath.Join(root, name)); err == nil {
			return r, nil
		}
	}
	return nil, fmt.Errorf("there is no run %s, neither as a folder nor in %s; `sftui runs` lists them", name, root)
}
