package ui

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"sftui/dataset"
	"sftui/engine/run"
	"sftui/recipes"
)

var update = flag.Bool("update", false, "write the golden screens anew")

// driver presses keys and reads screens. Commands run at once, one after the
// other, so that a test knows when everything has settled; those that wait for
// time to pass (polling a run, taking a notice away) are held back and run by
// poll.
type driver struct {
	t    testing.TB
	a    *app
	wait []tea.Cmd // commands that wait for time
	root string
}

// clock is the time at which every test takes place.
var clock = time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC)

// newDriver opens the workbench on the test data.
func newDriver(t testing.TB, w, h int, change func(o *Options)) *driver {
	t.Helper()
	root := runsFolder(t)
	o := Options{Recipe: "testdata/recipe.yaml", RunsRoot: root, Plain: true, Device: "cpu 2 cores", DataOptions: testDataOptions}
	if change != nil {
		change(&o)
	}
	ctx, cancel := context.WithCancel(context.Background())
	a := newApp(ctx, o)
	a.now = func() time.Time { return clock }
	d := &driver{t: t, a: a, root: root}
	t.Cleanup(func() {
		cancel()
		for _, s := range []*dataSet{a.data.set, a.data.stuck} {
			if s == nil {
				continue
			}
			// Every command has run, or was thrown away by a benchmark.
			_ = s.tok.Close()
			_ = s.src.Close()
		}
	})
	d.send(tea.WindowSizeMsg{Width: w, Height: h})
	d.do(a.begin())
	return d
}

// runsFolder is an empty folder for runs whose name is the same in every test,
// because screens show it.
func runsFolder(t testing.TB) string {
	t.Helper()
	const root = "testdata/tmp-runs"
	if err := os.RemoveAll(root); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(root); err != nil {
			t.Error(err)
		}
	})
	return root
}

// testDataOptions is the part of engine.DataOptions that the test recipes use.
func testDataOptions(r *recipes.Recipe) (dataset.Options, error) {
	o := dataset.DefaultOptions()
	o.MaxLength = 0
	if r.MaxLength != nil {
		o.MaxLength = *r.MaxLength
	}
	o.AssistantOnlyLoss = r.AssistantOnlyLoss
	o.TruncationMode = r.TruncationMode
	return o, nil
}

// send gives the app a message and runs what it asks for.
func (d *driver) send(msg tea.Msg) {
	_, cmd := d.a.Update(msg)
	d.do(cmd)
}

// do runs a command to its end.
func (d *driver) do(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	if waits(cmd) {
		d.wait = append(d.wait, cmd)
		return
	}
	d.take(cmd())
}

// take gives the app what a command answered.
func (d *driver) take(msg tea.Msg) {
	switch m := msg.(type) {
	case nil:
	case tea.BatchMsg:
		for _, c := range m {
			d.do(c)
		}
	default:
		d.send(m)
	}
}

// waits reports whether a command passes time: its function is known by name.
func waits(cmd tea.Cmd) bool {
	name := runtimeName(reflect.ValueOf(cmd).Pointer())
	for _, slow := range []string{"watch", "readChat", "waitExit", "tea.Tick", "v2.Tick", ".Tick", "listen", "stillListing"} {
		if strings.Contains(name, slow) {
			return true
		}
	}
	return false
}

// poll runs the commands that were held back, once.
func (d *driver) poll() {
	held := d.wait
	d.wait = nil
	for _, c := range held {
		name := runtimeName(reflect.ValueOf(c).Pointer())
		if strings.Contains(name, "watch") || strings.Contains(name, "readChat") {
			d.take(c())
		}
	}
}

// press presses keys by name; anything longer than a key's name is typed.
func (d *driver) press(keys ...string) *driver {
	for _, k := range keys {
		d.send(keyMsg(k))
	}
	return d
}

// typeText types a text rune by rune.
func (d *driver) typeText(s string) *driver {
	for _, r := range s {
		d.send(tea.KeyPressMsg{Code: r, Text: string(r)})
	}
	return d
}

// keyMsg is the message of a key by its name.
func keyMsg(name string) tea.KeyPressMsg {
	special := map[string]rune{"enter": tea.KeyEnter, "esc": tea.KeyEscape, "tab": tea.KeyTab, "up": tea.KeyUp, "down": tea.KeyDown,
		"left": tea.KeyLeft, "right": tea.KeyRight, "pgdown": tea.KeyPgDown, "pgup": tea.KeyPgUp, "home": tea.KeyHome, "end": tea.KeyEnd,
		"backspace": tea.KeyBackspace, "delete": tea.KeyDelete, "space": tea.KeySpace}
	k := tea.KeyPressMsg{}
	if rest, ok := strings.CutPrefix(name, "ctrl+"); ok {
		k.Mod, name = tea.ModCtrl, rest
	}
	if rest, ok := strings.CutPrefix(name, "shift+"); ok {
		k.Mod, name = tea.ModShift, rest
	}
	if code, ok := special[name]; ok {
		k.Code = code
		if name == "space" {
			k.Text = " "
		}
		return k
	}
	k.Code = []rune(name)[0]
	if k.Mod == 0 {
		k.Text = name
	}
	return k
}

// screen is the picture without colours.
func (d *driver) screen() string { return ansi.Strip(strings.Join(d.a.screen(), "\n")) }

// want fails unless the screen shows every text.
func (d *driver) want(texts ...string) *driver {
	d.t.Helper()
	s := d.screen()
	for _, text := range texts {
		if !strings.Contains(s, text) {
			d.t.Fatalf("the screen does not show %q:\n%s", text, s)
		}
	}
	return d
}

// wantNot fails when the screen shows one of the texts.
func (d *driver) wantNot(texts ...string) *driver {
	d.t.Helper()
	s := d.screen()
	for _, text := range texts {
		if strings.Contains(s, text) {
			d.t.Fatalf("the screen shows %q:\n%s", text, s)
		}
	}
	return d
}

// golden compares the screen with a stored one, and checks its size.
func (d *driver) golden(name string) *driver {
	d.t.Helper()
	d.wantSize()
	got := d.screen() + "\n"
	path := filepath.Join("testdata", "screens", fmt.Sprintf("%s_%dx%d.txt", name, d.a.w, d.a.h))
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			d.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			d.t.Fatal(err)
		}
		return d
	}
	want, err := os.ReadFile(path)
	if err != nil {
		d.t.Fatalf("%v; `go test ./ui -update` writes it", err)
	}
	if string(want) != got {
		d.t.Errorf("%s differs; `go test ./ui -update` takes the new one.\n--- want\n%s\n--- got\n%s", path, want, got)
	}
	return d
}

// wantSize fails unless every line fills the terminal exactly.
func (d *driver) wantSize() {
	d.t.Helper()
	lines := d.a.screen()
	if len(lines) != d.a.h {
		d.t.Fatalf("%d lines on a terminal of %d", len(lines), d.a.h)
	}
	for i, l := range lines {
		if n := ansi.StringWidth(l); n != d.a.w {
			d.t.Fatalf("line %d is %d cells wide, not %d: %q", i, n, d.a.w, ansi.Strip(l))
		}
	}
}

// fakeRun is a run folder that a test fills with events.
type fakeRun struct {
	t    testing.TB
	r    *run.Run
	w    *run.Writer
	st   run.Status
	mu   sync.Mutex
	sent []run.Command
	says *run.Status // to who asks, nil for nothing
}

// newFakeRun makes a run folder whose process is this test.
func newFakeRun(t *testing.T, dir string) *fakeRun {
	t.Helper()
	r, err := run.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	w, err := run.NewWriter(r.Path(run.MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeRun{t: t, r: r, w: w}
	f.st = run.Status{State: run.Training, Started: clock.Add(-5 * time.Minute), Model: "test", TotalSteps: 400}
	f.st.Mine()
	server, err := r.Listen(func(c run.Command) run.Reply {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.sent = append(f.sent, c)
		if c.Verb == run.Query && f.says != nil {
			return run.Reply{OK: true, Status: f.says}
		}
		return run.Reply{OK: true, Message: "at the next step"}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	f.write()
	return f
}

// write puts events and the status on the disk.
func (f *fakeRun) write(events ...run.Event) {
	f.t.Helper()
	for _, e := range events {
		if e.Time.IsZero() {
			e.Time = clock
		}
		f.w.Write(e)
		f.st.Apply(&e)
	}
	if _, err := f.w.Sync(); err != nil {
		f.t.Fatal(err)
	}
	if err := f.r.WriteStatus(f.st, false); err != nil {
		f.t.Fatal(err)
	}
}

// commands are what the workbench has asked for.
func (f *fakeRun) commands() []run.Command {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]run.Command(nil), f.sent...)
}
