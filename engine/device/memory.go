package device

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// systemFiles are where Linux tells of memory; tests have their own.
type systemFiles struct {
	proc, cgroup string // "/proc", "/sys/fs/cgroup"
}

// memory is how many bytes there are for all processes, and how many this one can come to hold beside what the others
// hold now. rss is what it holds already. Both are 0 where the system does not tell. A control group's limit counts as
// memory does, its own and those of the groups it is in; file pages that it could give back count as free.
func (s systemFiles) memory(rss uint64) (limit, free uint64) {
	info, err := os.ReadFile(filepath.Join(s.proc, "meminfo"))
	if err != nil {
		return 0, 0
	}
	limit = kibibytes(string(info), "MemTotal:")
	free = min(limit, rss+kibibytes(string(info), "MemAvailable:"))
	for _, group := range s.groups() {
		most, ok := group.limit()
		if !ok || most >= limit { // version 1 writes a huge number for no limit
			continue
		}
		limit = min(limit, most)
		others := group.used() - min(group.used(), rss)
		free = min(free, most-min(most, others))
	}
	return limit, free
}

// memoryGroup is the folder of a control group and the names its version has for things.
type memoryGroup struct {
	dir, max, current, inactive string
}

// groups are the control groups that bound this process's memory, of both versions, and those around them.
func (s systemFiles) groups() []memoryGroup {
	text, err := os.ReadFile(filepath.Join(s.proc, "self", "cgroup"))
	if err != nil {
		return nil
	}
	var list []memoryGroup
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) < 3 {
			continue
		}
		group := memoryGroup{s.cgroup, "memory.max", "memory.current", "inactive_file "}
		switch {
		case fields[1] == "":
		case strings.Contains(","+fields[1]+",", ",memory,"):
			group = memoryGroup{filepath.Join(s.cgroup, "memory"), "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "}
		default:
			continue
		}
		// In a container the path may be the host's, of which only the end is mounted; what is not there is passed over.
		root := group.dir
		for path := filepath.Join("/", fields[2]); ; path = filepath.Dir(path) {
			group.dir = filepath.Join(root, path)
			list = append(list, group)
			if path == "/" {
				break
			}
		}
	}
	return list
}

// limit is the group's own limit in bytes; false without one.
func (g memoryGroup) limit() (uint64, bool) { return g.number(g.max) }

// used is what the group's processes hold, in bytes, without file pages that it can give back.
func (g memoryGroup) used() uint64 {
	current, _ := g.number(g.current)
	stat, _ := os.ReadFile(filepath.Join(g.dir, "memory.stat"))
	for line := range strings.Lines(string(stat)) {
		if value, ok := strings.CutPrefix(line, g.inactive); ok {
			pages, _ := strconv.ParseUint(strings.TrimSpace(value), 10, 64)
			return current - min(current, pages)
		}
	}
	return current
}

func (g memoryGroup) number(file string) (uint64, bool) {
	text, err := os.ReadFile(filepath.Join(g.dir, file))
	if err != nil {
		return 0, false
	}
	value, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64) // "max" is no number: no limit
	return value, err == nil
}
