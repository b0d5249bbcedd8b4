package ui

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A folder that never answers leaves the keys alive: what is typed is shown, it
// is said that the folder does not answer, another folder is listed, and what is
// typed can be opened all the same. A late answer is taken.
func TestAFolderThatHangs(t *testing.T) {
	home := t.TempDir()
	for _, name := range []string{"here.jsonl", "notes.md", ".hidden.jsonl"} {
		if err := os.WriteFile(filepath.Join(home, name), []byte("{}\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d := newDriver(t, 120, 40, nil)
	a := d.a
	a.patience = 10 * time.Millisecond
	answer := make(chan struct{})
	var asked atomic.Int32
	a.readFolder = func(dir string) ([]os.DirEntry, error) {
		if strings.HasPrefix(dir, "/hangs/") {
			asked.Add(1)
			<-answer
			return os.ReadDir(home)
		}
		return os.ReadDir(dir)
	}
	d.press("o")
	a.stack[0].(*picker).in = *newField("")
	d.typeText("/hangs/deep/h").want("› /hangs/deep/h", "/hangs/deep/ does not answer")
	if n := asked.Load(); n != 2 { // /hangs/ and /hangs/deep/
		t.Errorf("two folders were asked %d times while they hung", n)
	}
	a.stack[0].(*picker).in = *newField("")
	a.patience = time.Minute // this one answers, however busy the machine is
	d.typeText(home+"/").want("here.jsonl").wantNot("does not answer", "notes.md", ".hidden")
	d.typeText("notes.md").want("notes.md ") // typed to its end
	a.stack[0].(*picker).in = *newField("")
	a.patience = 10 * time.Millisecond
	d.typeText("/hangs/deep/h").wantNot("here.jsonl")
	close(answer)
	for _, late := range d.wait {
		d.take(late())
	}
	d.wait = nil
	d.want("/hangs/deep/here.jsonl").wantNot("does not answer")
	d.press("esc")

	a.stat = func(string) (os.FileInfo, error) { <-make(chan bool); return nil, nil }
	d.do(a.askWrite("/hangs/recipe.yaml"))
	d.want("/hangs does not answer, so the recipe was not written")
}

// Of files whose folder takes the whole line the names are shown.
func TestAPathTooLongForItsLine(t *testing.T) {
	home := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	if err := os.Mkdir(home, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"here.jsonl", "there.jsonl"} {
		if err := os.WriteFile(filepath.Join(home, name), []byte("{}\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d := newDriver(t, 120, 40, nil)
	d.a.patience = time.Minute
	d.press("o")
	d.a.stack[0].(*picker).in = *newField("")
	d.typeText(home+"/").want("long/here.jsonl", "long/there.jsonl")
}

// A folder that cannot be read says why, and one that is not there is only empty.
func TestAFolderThatCannotBeRead(t *testing.T) {
	d := newDriver(t, 120, 40, nil)
	d.a.readFolder = func(dir string) ([]os.DirEntry, error) {
		if strings.HasPrefix(dir, "/secret/") {
			return nil, &os.PathError{Op: "open", Path: dir, Err: os.ErrPermission}
		}
		return os.ReadDir(dir)
	}
	d.press("o").typeText("/secret/x").want("✗ open /secret/: permission denied")
	d.a.stack[0].(*picker).in = *newField("")
	d.typeText("/not/there/x").wantNot("no such file").want("enter opens what you typed.")
}
