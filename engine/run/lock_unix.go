//go:build unix

package run

import (
	"errors"
	"os"
	"syscall"
)

// Lock makes the calling process the only one that may train in the folder, from before it reads the checkpoint that it
// goes on from. The system gives the lock free when it is closed or the process ends. taken says that another process
// has it; lock is nil then, and where the file system knows no locks.
func (r *Run) Lock() (lock *os.File, taken bool, err error) {
	f, err := os.Open(r.Dir) // the folder itself, so that nothing is left behind
	if err != nil {
		return nil, false, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Is(err, syscall.EWOULDBLOCK), f.Close()
	}
	return f, false, nil
}
