package device

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/gomlx/core/graph"
)

// storeIn opens a store beside a file that stands for the plugin.
func storeIn(t *testing.T, dir string, maxBytes int64) *CompiledStore {
	t.Helper()
	plugin := filepath.Join(t.TempDir(), "plugin.so")
	if err := os.WriteFile(plugin, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := openCompiled(dir, plugin, maxBytes)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// compiledIn lists a store's files.
func compiledIn(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"+compiledSuffix))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestCompiledStore(t *testing.T) {
	dir := t.TempDir()
	s := storeIn(t, dir, 1<<20)
	code, options, body := []byte("code"), []byte("options"), []byte(strings.Repeat("compiled", 1000))
	if s.find(code, options) != nil {
		t.Fatal("found in an empty store")
	}
	s.keep(code, options, body)
	if got := s.find(code, options); string(got) != string(body) {
		t.Fatalf("found %d bytes, want %d", len(got), len(body))
	}
	// Where code ends and options begin is part of the name.
	if s.find([]byte("codeo"), []byte("ptions")) != nil || s.find(code, nil) != nil {
		t.Error("another program's was found")
	}
	if s := storeIn(t, dir, 1<<20); s.find(code, options) != nil {
		t.Error("another plugin's was found")
	}
	var marks [][]byte
	for _, flags := range []string{"", "--xla_backend_optimization_level=1"} {
		t.Setenv("XLA_FLAGS", flags)
		mark, err := machineMark(os.Args[0])
		if err != nil {
			t.Fatal(err)
		}
		marks = append(marks, mark)
	}
	if slices.Equal(marks[0], marks[1]) {
		t.Error("flags of XLA make no difference")
	}
}

// TestCompiledStoreDamage cuts a file off and flips bits in it: none of it is ever handed out, and the file is gone.
func TestCompiledStoreDamage(t *testing.T) {
	dir := t.TempDir()
	s := storeIn(t, dir, 1<<20)
	code, body := []byte("code"), []byte(strings.Repeat("compiled", 100))
	whole := func() []byte {
		s.keep(code, nil, body)
		file, err := os.ReadFile(s.path(code, nil))
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	size := len(whole())
	for at := 0; at < size; at += 37 {
		for _, damage := range []func([]byte) []byte{
			func(b []byte) []byte { return b[:at] },
			func(b []byte) []byte { b[at] ^= 4; return b },
		} {
			if err := os.WriteFile(s.path(code, nil), damage(whole()), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := s.find(code, nil); got != nil {
				t.Fatalf("damage at byte %d: %d bytes were handed out", at, len(got))
			}
			if _, err := os.Stat(s.path(code, nil)); !os.IsNotExist(err) {
				t.Fatalf("damage at byte %d: the file is still there (%v)", at, err)
			}
		}
	}
}

// TestCompiledStoreBound fills a store beyond its size: what was used longest ago goes, and what others left unfinished.
func TestCompiledStoreBound(t *testing.T) {
	dir := t.TempDir()
	s := storeIn(t, dir, 1<<20)
	body := make([]byte, 1000)
	old := time.Now().Add(-48 * time.Hour)
	for i := range 10 {
		code := []byte{byte(i)}
		s.keep(code, nil, body)
		if err := os.Chtimes(s.path(code, nil), old, old.Add(time.Duration(i)*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	if s.find([]byte{0}, nil) == nil { // used now, so no longer the oldest
		t.Fatal("the first is gone")
	}
	left := filepath.Join(dir, "new-1")
	if err := os.WriteFile(left, body, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(left, old, old); err != nil {
		t.Fatal(err)
	}
	s.maxBytes = 4500
	s.prune()
	if got := len(compiledIn(t, dir)); got != 4 {
		t.Errorf("%d programs are left, want 4", got)
	}
	for code, want := range map[byte]bool{0: true, 1: false, 6: false, 7: true, 9: true} {
		if got := s.find([]byte{code}, nil) != nil; got != want {
			t.Errorf("program %d: there %v, want %v", code, got, want)
		}
	}
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Error("an unfinished file of two days ago is still there")
	}
}

// TestKeepCompiled compiles a program that updates its input in place, loads it, and compiles it again when what was kept
// is no program: the values are the same to the bit.
func TestKeepCompiled(t *testing.T) {
	d := openCPU(t)
	dir := filepath.Join(t.TempDir(), "compiled")
	if !d.KeepCompiled(dir) {
		t.Fatal("this go-xla's programs cannot be kept: its fields have moved")
	}
	backend := d.Backend.(*xla.Backend)
	defer loadFrom(backend, storeIn(t, t.TempDir(), 1)) // other tests have no use for dir
	const n = 128
	values := func() []float32 {
		g := graph.NewGraph(d.Backend, "kept")
		x := graph.Parameter(g, "x", shapes.Make(dtypes.Float32, n, n))
		if err := g.Compile(graph.Exp(graph.MulScalar(graph.DotGeneral(x, []int{1}, nil, graph.Sin(x), []int{0}, nil), 1.0/n))); err != nil {
			t.Fatal(err)
		}
		flat := make([]float32, n*n)
		for i := range flat {
			flat[i] = float32(i%13) / 13
		}
		buffer, err := d.Backend.BufferFromFlatData(0, flat, shapes.Make(dtypes.Float32, n, n))
		if err != nil {
			t.Fatal(err)
		}
		outputs, err := g.Executable().Execute([]compute.Buffer{buffer}, []bool{false}, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := outputs[0].ToFlatData(flat); err != nil {
			t.Fatal(err)
		}
		return flat
	}
	compiled := values()
	files := compiledIn(t, dir)
	if len(files) != 1 {
		t.Fatalf("%d programs were kept, want 1", len(files))
	}
	before, err := os.Stat(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if loaded := values(); !slices.Equal(loaded, compiled) {
		t.Error("the loaded program computes something else")
	}
	after, err := os.Stat(files[0])
	if err != nil || !os.SameFile(before, after) {
		t.Fatalf("the program was compiled again (%v)", err)
	}
	// A file that is whole but no program: the plugin refuses it, and it is replaced.
	if err := os.WriteFile(files[0], seal([]byte("no program")), 0o600); err != nil {
		t.Fatal(err)
	}
	if again := values(); !slices.Equal(again, compiled) {
		t.Error("the program compiled again computes something else")
	}
	repaired, err := os.Stat(files[0])
	if err != nil || repaired.Size() < before.Size()/2 { // not to the byte: a program numbers those before it in its process
		t.Fatalf("what the plugin refused was not replaced (%v)", err)
	}
	values()
	if kept, err := os.Stat(files[0]); err != nil || !os.SameFile(repaired, kept) {
		t.Errorf("what replaced it was compiled again (%v)", err)
	}
}
