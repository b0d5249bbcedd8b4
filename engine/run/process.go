package run

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// processStart returns the kernel's start time of a process in clock ticks
// since boot, and whether the process exists. Where the system has no /proc
// the time is 0 and only existence is known. A zombie does not count: it is
// dead and waits for its parent to notice.
func processStart(pid int) (start uint64, exists bool) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		if _, procErr := os.Stat("/proc/self/stat"); procErr == nil {
			return 0, false
		}
		killErr := syscall.Kill(pid, 0)
		return 0, killErr == nil || errors.Is(killErr, syscall.EPERM)
	}
	// The second field is the command in parentheses and may hold anything.
	i := bytes.LastIndexByte(data, ')')
	if i < 0 {
		return 0, true
	}
	fields := strings.Fields(string(data[i+1:]))
	const stateField, startField = 0, 19 // fields 3 and 22 of proc(5)
	if len(fields) <= startField {
		return 0, true
	}
	if fields[stateField] == "Z" || fields[stateField] == "X" {
		return 0, false
	}
	start, err = strconv.ParseUint(fields[startField], 10, 64)
	return start, err == nil
}

// machine identifies this machine and its boot, so that a run folder on a
// shared disk or copied from elsewhere is not taken for a live one.
func machine() (host, boot string) {
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	if data, err := os.ReadFile("/proc/sys/kernel/random/boot_id"); err == nil {
		boot = strings.TrimSpace(string(data))
	}
	return host, boot
}
