//go:build unix

package dataset

import (
	"errors"
	"os"
	"syscall"
)

// lockFile takes the lock at path, which the system gives free when the
// process ends. taken says that another process has it.
func lockFile(path string) (lock *os.File, taken bool) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, false // a file system without locks: go on without
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, errors.Is(err, syscall.EWOULDBLOCK)
	}
	return f, false
}
