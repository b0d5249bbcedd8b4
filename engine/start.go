package engine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"sftui/engine/run"
)

// Spawn starts a training process of its own session that survives the
// caller, its terminal and its connection. exe is the sftui binary, args what
// follows its name ("train", "--recipe", …); everything it prints goes to
// log.txt in runDir. The caller may Release the process.
func Spawn(exe, runDir string, args []string) (*os.Process, error) {
	r, err := run.Create(runDir)
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(r.Path(run.LogFile), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("start the run: %w", err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the run: %w", err), log.Close())
	}
	cmd := exec.Command(exe, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = null, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	// The child has its own copies of both files.
	closeErr := errors.Join(null.Close(), log.Close())
	if err != nil {
		return nil, fmt.Errorf("start the run: %w", err)
	}
	if closeErr != nil {
		return nil, fmt.Errorf("start the run: %w", closeErr)
	}
	return cmd.Process, nil
}
