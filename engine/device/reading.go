package device

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// Reading is one look at the device's memory and load.
type Reading struct {
	Used        uint64  // bytes: RSS of this process on CPU, device memory in use on NVIDIA
	Peak        uint64  // highest Used of this process
	Limit       uint64  // bytes: RAM (or the container's limit), or the GPU's memory
	Free        uint64  // bytes of Limit that this process can come to use, what it uses included: all that others leave
	RSS         uint64  // bytes of this process in RAM, whatever the device
	CPUPercent  float64 // of one core, since the reading before
	GPUPercent  float64
	PowerWatts  float64
	Temperature float64 // °C
}

// usage remembers what the next reading is compared with.
type usage struct {
	peak   uint64
	others uint64 // bytes that others used of the GPU when it was opened
	cpu    time.Duration
	at     time.Time
}

// clockTicks is USER_HZ, the unit of times in /proc, which Linux fixes at 100.
const clockTicks = 100

// Memory reads memory and load. Figures the system does not offer stay 0.
func (d *Device) Memory() Reading {
	d.mu.Lock()
	defer d.mu.Unlock()
	status, _ := os.ReadFile("/proc/self/status")
	r := Reading{RSS: kibibytes(string(status), "VmRSS:")}
	r.Limit, r.Free = systemFiles{"/proc", "/sys/fs/cgroup"}.memory(r.RSS)
	r.CPUPercent = d.usage.percent(cpuTime(), time.Now())
	r.Used, r.Peak = r.RSS, kibibytes(string(status), "VmHWM:")
	if d.described != nil {
		return Reading{RSS: r.RSS, CPUPercent: r.CPUPercent, Limit: d.described.Memory, Free: d.described.Free()}
	}
	if d.gpu != nil {
		d.gpu.read(&r)
		r.Free = cudaFree(r.Limit, d.usage.others)
		r.Peak = max(d.usage.peak, r.Used)
	}
	d.usage.peak = max(d.usage.peak, r.Peak)
	return r
}

// Resident is the memory of this process in RAM in bytes, 0 where the system does not tell. It is cheap.
func (d *Device) Resident() int64 {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(statm))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

func (u *usage) percent(cpu time.Duration, now time.Time) float64 {
	percent := 0.0
	if elapsed := now.Sub(u.at); !u.at.IsZero() && elapsed > 0 {
		percent = 100 * float64(cpu-u.cpu) / float64(elapsed)
	}
	u.cpu, u.at = cpu, now
	return percent
}

// kibibytes finds "key   123 kB" in a /proc file and returns bytes.
func kibibytes(text, key string) uint64 {
	_, rest, found := strings.Cut(text, key)
	if !found {
		return 0
	}
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	value, err := strconv.ParseUint(fields[0], 10, 64)
	if err != nil {
		return 0
	}
	return value << 10
}

// cpuTime is the user and system time of this process so far.
func cpuTime() time.Duration {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0
	}
	// The command in parentheses may hold spaces; utime and stime are the 12th and 13th field after it.
	_, rest, found := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if !found || len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * time.Second / clockTicks
}
