package engine

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sftui/engine/run"
)

// What somebody can mend holds a run, saying what; the rest ends it.
func TestUnwritableFolderHolds(t *testing.T) {
	for why, want := range map[error]string{
		syscall.EDQUOT: "is full", syscall.EROFS: "make it writable", syscall.EACCES: "make it writable", syscall.EIO: "",
	} {
		f, fake, control := newFixture(t, 20), newFake(), NewControl(nil)
		fake.full, fake.fullAs = 1, why
		var told []string
		_, err := train(t, f, fake, func(o *TrainOptions) {
			o.Control = control
			o.OnEvent = func(e run.Event) {
				if e.Kind == run.KindWarning && e.Code == run.CodeDisk {
					told = append(told, e.Message)
					control.Resume()
				}
			}
		}, "save_strategy=steps", "save_steps=3")
		if want == "" {
			if !errors.Is(err, why) {
				t.Errorf("%v: ended with %v", why, err)
			}
			continue
		}
		if err != nil || len(told) != 1 || !strings.Contains(told[0], want) {
			t.Errorf("%v: %q (%v), want %q", why, told, err, want)
		}
	}
}

// A run folder that is emptied, removed or moved under the live run is made again
// with every event, and can be steered and resumed as before.
func TestFolderGoneUnderALiveRun(t *testing.T) {
	options := []string{"save_strategy=steps", "save_steps=3"}
	f := newFixture(t, 40)
	whole, err := train(t, f, newFake(), nil, options...)
	if err != nil {
		t.Fatal(err)
	}
	for name, lose := range map[string]func(dir string) error{
		"emptied": func(dir string) error {
			list, err := filepath.Glob(dir + "/*")
			for _, path := range list {
				err = errors.Join(err, os.RemoveAll(path))
			}
			return err
		},
		"removed": os.RemoveAll,
		"moved":   func(dir string) error { return os.Rename(dir, dir+"-elsewhere") },
	} {
		dir := filepath.Join(t.TempDir(), "run")
		fake := newFake()
		fake.failAt = 9
		fake.onMicro = func(step int) {
			switch step {
			case 5:
				fake.onMicro = nil
				if err := lose(dir); err != nil {
					t.Error(err)
				}
				fake.during = func(now run.State) {
					if reply := send(t, &run.Run{Dir: dir}, run.Command{Verb: run.Query}); now == run.Saving && !reply.OK {
						t.Errorf("%s: it cannot be steered: %+v", name, reply)
					}
				}
			}
		}
		if _, err := train(t, f, fake, func(o *TrainOptions) { o.RunDir = dir }, options...); !errors.Is(err, errFake) {
			t.Fatalf("%s: %v", name, err)
		}
		warned := 0
		for _, e := range eventsOf(t, dir) {
			if e.Kind == run.KindWarning && strings.Contains(e.Message, "made again") {
				warned++
			}
		}
		if warned != 1 {
			t.Errorf("%s: told %d times", name, warned)
		}
		if _, err := train(t, f, newFake(), func(o *TrainOptions) { o.RunDir, o.Resume = dir, true }, options...); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		sameSteps(t, steps(t, dir), steps(t, whole.Dir))
	}
}

// Where another run is in the folder's place by now, nothing is written into it.
func TestFolderOfAnotherRun(t *testing.T) {
	f, fake, control := newFixture(t, 20), newFake(), NewControl(nil)
	dir := filepath.Join(t.TempDir(), "run")
	fake.onMicro = func(step int) {
		if step == 2 {
			fake.onMicro = nil
			if err := os.Rename(dir, dir+"-elsewhere"); err != nil {
				t.Error(err)
			}
			if _, err := train(t, f, newFake(), func(o *TrainOptions) { o.RunDir = dir }); err != nil {
				t.Error(err)
			}
		}
	}
	var told string
	_, err := train(t, f, fake, func(o *TrainOptions) {
		o.RunDir, o.Control = dir, control
		o.OnEvent = func(e run.Event) {
			if e.Kind == run.KindWarning && e.Code == run.CodeDisk {
				told = e.Message
				control.Stop(false)
			}
		}
	}, "save_strategy=steps", "save_steps=3")
	var replaced *replacedError
	if !errors.As(err, &replaced) || !strings.Contains(told, "move that away") {
		t.Errorf("%q, %v", told, err)
	}
	other := &run.Run{Dir: dir}
	if list, err := other.Checkpoints(); err != nil || len(list) != 0 {
		t.Errorf("the other run has checkpoints %v (%v)", list, err)
	}
	if s, err := other.Status(); err != nil || s.State != run.Finished {
		t.Errorf("the other run is %+v (%v)", s, err)
	}
}
