package run

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Names of the files of a run folder.
const (
	RecipeFile  = "recipe.yaml"
	MetricsFile = "metrics.jsonl"
	StatusFile  = "run.json"
	SocketFile  = "control.sock"
	LogFile     = "log.txt"
	ModelDir    = "model"
	// CheckpointPrefix is followed by the optimizer step, as in transformers.
	CheckpointPrefix = "checkpoint-"
)

// Run is one run folder. It holds no open file: every method looks at the disk
// again, so that a Run of a live process of its own stays true.
type Run struct {
	Dir string
}

// Create makes the run folder (and its parents) and returns it. It is not an
// error when the folder exists; whether it may be used is for the caller to
// say, because resuming and starting anew differ there.
func Create(dir string) (*Run, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("run folder %s: %w", dir, err)
	}
	if err := os.MkdirAll(abs, 0o755); err != nil {
		return nil, fmt.Errorf("cannot create run folder: %w", err)
	}
	return &Run{Dir: abs}, nil
}

// Open opens an existing run folder: one with a metrics.jsonl or a run.json.
func Open(dir string) (*Run, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("run folder %s: %w", dir, err)
	}
	info, err := os.Stat(abs)
	if err != nil {
		return nil, fmt.Errorf("run folder %s: %w", dir, errors.Unwrap(err))
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is a file, not a run folder", dir)
	}
	for _, name := range []string{StatusFile, MetricsFile} {
		if _, err := os.Stat(filepath.Join(abs, name)); err == nil {
			return &Run{Dir: abs}, nil
		}
	}
	return nil, fmt.Errorf("%s is not a run folder: it has neither %s nor %s", dir, StatusFile, MetricsFile)
}

// Path joins a name to the run folder.
func (r *Run) Path(name string) string { return filepath.Join(r.Dir, name) }

// Name is the folder's own name.
func (r *Run) Name() string { return filepath.Base(r.Dir) }

// Checkpoint is one checkpoint-N folder of a run.
type Checkpoint struct {
	Step int
	Path string
	Time time.Time
}

// Checkpoints lists the run's complete checkpoints by step. Folders still
// being written have another name and are never among them.
func (r *Run) Checkpoints() ([]Checkpoint, error) {
	entries, err := os.ReadDir(r.Dir)
	if err != nil {
		return nil, fmt.Errorf("list checkpoints: %w", err)
	}
	var list []Checkpoint
	for _, e := range entries {
		digits, ok := strings.CutPrefix(e.Name(), CheckpointPrefix)
		if !ok || !e.IsDir() {
			continue
		}
		step, err := strconv.Atoi(digits)
		if err != nil || step < 0 {
			continue
		}
		c := Checkpoint{Step: step, Path: filepath.Join(r.Dir, e.Name())}
		if info, err := e.Info(); err == nil {
			c.Time = info.ModTime()
		}
		list = append(list, c)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Step < list[j].Step })
	return list, nil
}

// DefaultRoot is the folder that holds runs which were not given one:
// $XDG_DATA_HOME/sftui/runs, or ~/.local/share/sftui/runs.
func DefaultRoot() (string, error) {
	base := os.Getenv("XDG_DATA_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("find the folder for runs: %w", err)
		}
		base = filepath.Join(home, ".local", "share")
	}
	return filepath.Join(base, "sftui", "runs"), nil
}

// NewDir returns a folder name under root that does not exist yet, from the
// time and a short name of what is trained ("20261123-205501-smollm2").
func NewDir(root, name string, now time.Time) string {
	base := now.Format("20060102-150405")
	if name = slug(name); name != "" {
		base += "-" + name
	}
	dir := filepath.Join(root, base)
	for n := 2; ; n++ {
		if _, err := os.Lstat(dir); errors.Is(err, os.ErrNotExist) {
			return dir
		}
		dir = filepath.Join(root, base+"-"+strconv.Itoa(n))
	}
}

// slug keeps letters, digits and single dashes of s in lower case, at most 40.
func slug(s string) string {
	var b strings.Builder
	for _, c := range strings.ToLower(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '.':
			b.WriteRune(c)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() >= 40 {
			break
		}
	}
	return strings.Trim(b.String(), "-.")
}

// Register makes a run that lies elsewhere appear in the list of root, as a
// link. A run under root, or one that is linked already, needs none.
func Register(root, dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if filepath.Dir(dir) == filepath.Clean(root) {
		return nil
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return fmt.Errorf("list the run: %w", err)
	}
	link := filepath.Join(root, filepath.Base(dir))
	for n := 2; ; n++ {
		target, err := os.Readlink(link)
		if err == nil && target == dir {
			return nil
		}
		if err == nil {
			if _, statErr := os.Stat(link); errors.Is(statErr, os.ErrNotExist) {
				err = os.Remove(link) // what it linked to is gone
				if err != nil {
					return fmt.Errorf("list the run: %w", err)
				}
			}
		}
		if err := os.Symlink(dir, link); err == nil {
			return nil
		} else if !errors.Is(err, os.ErrExist) {
			return fmt.Errorf("list the run: %w", err)
		}
		link = filepath.Join(root, filepath.Base(dir)+"-"+strconv.Itoa(n))
	}
}

// Summary is one line of the list of runs.
type Summary struct {
	Name string `json:"name"`
	Dir  string `json:"dir"`
	Status
	// Err says why the run's status could not be read; the other fields are
	// then empty.
	Err string `json:"error,omitempty"`
}

// List reads the status of every run folder directly under root, newest first.
// A folder that cannot be read is listed with Err; root need not exist.
func List(root string) ([]Summary, error) {
	entries, err := os.ReadDir(root)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	var list []Summary
	for _, e := range entries {
		dir := filepath.Join(root, e.Name())
		if target, err := filepath.EvalSymlinks(dir); err == nil {
			dir = target
		}
		r, err := Open(dir)
		if err != nil {
			continue
		}
		s := Summary{Name: e.Name(), Dir: dir}
		if s.Status, err = r.Status(); err != nil {
			s.Err = err.Error()
		}
		list = append(list, s)
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].Started.After(list[j].Started) })
	return list, nil
}
