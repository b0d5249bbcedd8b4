package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"sftui/engine/report"
)

// runsExportUsage are the arguments of `sftui runs export`.
const runsExportUsage = "export RUN… [--html FILE] [--tensorboard DIR] [--csv FILE|-]"

// runsWritten is what `sftui runs export` prints: what it wrote where.
type runsWritten struct {
	HTML        string   `json:"html,omitempty"`
	TensorBoard []string `json:"tensorboard,omitempty"`
	CSV         string   `json:"csv,omitempty"`
}

// runRunsExport writes runs as a page, as TensorBoard event files or as a table.
func runRunsExport(args []string, s streams) int {
	a, err := flagSet{values: []string{"html", "tensorboard", "csv"}}.parse(args)
	var runs []*report.Run
	if err == nil {
		runs, err = exportedRuns(a)
	}
	var done runsWritten
	if err == nil {
		done, err = writeRuns(a, runs, s.out)
	}
	if err != nil {
		return fail(s, "runs export", err)
	}
	if a.values["csv"] == "-" {
		return exitDone // stdout holds the table
	}
	return wrote(json.NewEncoder(s.out).Encode(done), s)
}

// exportedRuns opens the runs that the command line names.
func exportedRuns(a arguments) ([]*report.Run, error) {
	if len(a.rest) == 0 {
		return nil, errors.New("name at least one run: sftui runs " + runsExportUsage)
	}
	if a.values["html"] == "" && a.values["tensorboard"] == "" && a.values["csv"] == "" {
		return nil, errors.New("say what to write: --html FILE, --tensorboard DIR or --csv FILE")
	}
	var runs []*report.Run
	for _, name := range a.rest {
		r, err := openReported(name)
		if err != nil {
			return nil, err
		}
		runs = append(runs, r)
	}
	return runs, nil
}

// openReported opens a run by its path, which may be one of TRL's, or by its
// name in the list of runs.
func openReported(name string) (*report.Run, error) {
	if _, err := os.Stat(name); err == nil {
		return report.Open(name)
	}
	found, err := findRun(name)
	if err != nil {
		return nil, err
	}
	return report.Open(found.Dir)
}

// writeRuns writes every form that was asked for.
func writeRuns(a arguments, runs []*report.Run, stdout io.Writer) (done runsWritten, err error) {
	if path := a.values["html"]; path != "" {
		if err := writeFile(path, func(w io.Writer) error { return report.WriteHTML(w, runs, time.Now()) }); err != nil {
			return done, err
		}
		done.HTML = path
	}
	if dir := a.values["tensorboard"]; dir != "" {
		if done.TensorBoard, err = report.WriteTensorBoard(dir, runs); err != nil {
			return done, err
		}
	}
	switch path := a.values["csv"]; path {
	case "":
	case "-":
		return done, report.WriteCSV(stdout, runs)
	default:
		done.CSV = path
		return done, writeFile(path, func(w io.Writer) error { return report.WriteCSV(w, runs) })
	}
	return done, nil
}

// writeFile writes beside the final name and renames, so that a file that was
// there before is not lost to a failure.
func writeFile(path string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".unfinished-*")
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, errors.Unwrap(err))
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err = errors.Join(write(f), f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
