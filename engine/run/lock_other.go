//go:build !unix

package run

import "os"

// Lock knows no locks here.
func (*Run) Lock() (lock *os.File, taken bool, err error) { return nil, false, nil }
