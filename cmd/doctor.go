package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"

	"sftui/dataset"
	"sftui/engine/compute"
	"sftui/engine/device"
	"sftui/engine/run"
	"sftui/engine/selftest"
	"sftui/setup"
)

// doctorCommand is the line of `sftui doctor` in the table of commands.
func doctorCommand() command {
	return command{name: "doctor", usage: "[--device auto|cpu|cuda|go] [--model M] [--json]",
		summary: "report device, plugin, memory, versions and caches; with --model try the model as well", details: doctorDetails, run: runDoctor}
}

// examination is what `sftui doctor` finds. Sizes are in bytes.
type examination struct {
	Checks   []selftest.Check  `json:"checks"`
	Versions map[string]string `json:"versions"`
	Device   deviceReport      `json:"device"`
	Cache    cacheReport       `json:"cache"`
}

type deviceReport struct {
	Kind            string            `json:"kind"`
	Name            string            `json:"name"`
	Plugins         map[string]string `json:"plugins"` // cpu, cuda: path, "" when not installed
	NVIDIADriver    string            `json:"nvidia_driver"`
	MemoryLimit     uint64            `json:"memory_limit"`
	MemoryAvailable uint64            `json:"memory_available"`
	CPU             string            `json:"cpu"`
	CPUFeatures     []string          `json:"cpu_features"`
}

type cacheReport struct {
	Dir       string        `json:"dir"`
	FreeBytes uint64        `json:"free_bytes"`
	Parts     []setup.Usage `json:"parts"`
	RunsDir   string        `json:"runs_dir"`
}

// Below these a run on the default model is likely to fail.
const (
	wantedMemory = 6 << 30
	wantedDisk   = 2 << 30
)

func runDoctor(ctx context.Context, args []string, s streams) int {
	a, err := flagSet{values: []string{"device", "model"}, switches: []string{"json"}}.parse(args)
	if err == nil {
		err = a.stray("doctor")
	}
	if err != nil {
		return fail(s, "doctor", err)
	}
	d := &doctor{show: func(selftest.Check) {}}
	if !a.switches["json"] {
		d.show = func(c selftest.Check) { fmt.Fprintln(s.out, checkLine(c)) }
	}
	d.examine(ctx, a.values["device"])
	if name := a.values["model"]; name != "" {
		d.tryModel(ctx, host(s.err).ResolveModel, name, a.values["device"])
	}
	if a.switches["json"] {
		encoder := json.NewEncoder(s.out)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(d.found); err != nil {
			fmt.Fprintf(s.err, "sftui doctor: %v\n", err)
			return exitFailure
		}
	}
	return d.status()
}

// doctor collects checks and shows each as it is done.
type doctor struct {
	found examination
	show  func(selftest.Check)
}

func (d *doctor) add(c selftest.Check) {
	d.found.Checks = append(d.found.Checks, c)
	d.show(c)
}

func (d *doctor) say(name string, state selftest.State, format string, args ...any) {
	d.add(selftest.Check{Name: name, State: state, Detail: fmt.Sprintf(format, args...)})
}

func (d *doctor) status() int {
	status := exitDone
	for _, c := range d.found.Checks {
		switch c.State {
		case selftest.Failed:
			return exitFailure
		case selftest.Warning:
			status = exitWarning
		}
	}
	return status
}

// checkLine marks the outcome with a sign and a word, so that it does not depend on colour.
func checkLine(c selftest.Check) string {
	sign := map[selftest.State]string{selftest.OK: "✓", selftest.Warning: "! warning:", selftest.Failed: "✗ failed:"}[c.State]
	line := fmt.Sprintf("%s %s: %s", sign, c.Name, c.Detail)
	if c.Seconds >= 0.1 {
		line += fmt.Sprintf(" (%.1f s)", c.Seconds)
	}
	return line
}

// examine looks at the machine. Nothing is downloaded.
func (d *doctor) examine(ctx context.Context, kind string) {
	d.versions()
	d.cpu()
	d.nvidia()
	d.device(ctx, kind)
	d.memory()
	d.storage()
}

// versions reports the build and the libraries whose versions matter for numbers.
func (d *doctor) versions() {
	v := map[string]string{"go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH, "sftui": "unknown"}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			switch setting.Key {
			case "vcs.revision":
				v["sftui"] = setting.Value[:min(12, len(setting.Value))]
			case "GOEXPERIMENT":
				v["goexperiment"] = setting.Value
			}
		}
		for _, module := range info.Deps {
			switch name := filepath.Base(strings.TrimSuffix(module.Path, "/v2")); name {
			case "gomlx", "go-xla", "compute", "tokenizers", "parquet-go", "bubbletea":
				v[name] = module.Version
			}
		}
	}
	d.found.Versions = v
	d.say("sftui", selftest.OK, "%s, %s %s, gomlx %s, go-xla %s, tokenizers %s", v["sftui"], v["go"], v["platform"], v["gomlx"], v["go-xla"], v["tokenizers"])
}

// vectorFeatures are the processor features that XLA's speed depends on.
var vectorFeatures = []string{"avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "neon", "asimd", "sve"}

func (d *doctor) cpu() {
	r := &d.found.Device
	r.CPU, r.CPUFeatures = runtime.GOARCH, []string{}
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		switch strings.TrimSpace(key) {
		case "model name":
			r.CPU = strings.TrimSpace(value)
		case "flags", "Features":
			r.CPUFeatures = r.CPUFeatures[:0]
			has := strings.Fields(value)
			for _, feature := range vectorFeatures {
				for _, flag := range has {
					if flag == feature {
						r.CPUFeatures = append(r.CPUFeatures, feature)
					}
				}
			}
		}
	}
	d.say("processor", selftest.OK, "%s, %d cores, %s", r.CPU, runtime.NumCPU(), orNone(strings.Join(r.CPUFeatures, " ")))
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// nvidia reports the driver, and a GPU that cannot be used for want of the plugin.
func (d *doctor) nvidia() {
	text, _ := os.ReadFile("/proc/driver/nvidia/version")
	if _, rest, found := strings.Cut(string(text), "Kernel Module"); found {
		for _, field := range strings.Fields(rest) {
			if field[0] >= '0' && field[0] <= '9' {
				d.found.Device.NVIDIADriver = field
				break
			}
		}
	}
	r := &d.found.Device
	r.Plugins = map[string]string{setup.CPU: setup.FindPlugin(setup.CPU), setup.CUDA: setup.FindPlugin(setup.CUDA)}
	switch {
	case r.NVIDIADriver == "" && !setup.HasNVIDIA():
		d.say("NVIDIA", selftest.OK, "no GPU; training runs on the processor")
	case r.Plugins[setup.CUDA] == "":
		d.say("NVIDIA", selftest.Warning, "driver %s, but XLA's CUDA plugin is not installed; `make setup`, or a first run with --device cuda, gets it", orNone(r.NVIDIADriver))
	default:
		d.say("NVIDIA", selftest.OK, "driver %s, plugin %s", orNone(r.NVIDIADriver), r.Plugins[setup.CUDA])
	}
}

// errNotInstalled stands for a plugin that a run would download and doctor does not.
var errNotInstalled = errors.New("it is not installed; `make setup` or the first run gets it")

func findPlugin(_ context.Context, kind string) (string, error) {
	if path := setup.FindPlugin(kind); path != "" {
		return path, nil
	}
	return "", errNotInstalled
}

func (d *doctor) device(ctx context.Context, kind string) {
	dev, err := device.Open(ctx, kind, findPlugin)
	if err != nil {
		d.say("device", selftest.Failed, "%v", err)
		return
	}
	defer dev.Close()
	r := &d.found.Device
	r.Kind, r.Name, r.MemoryLimit = dev.Kind, dev.Name, dev.Memory().Limit
	plugin := "pure Go"
	if path := r.Plugins[dev.Kind]; path != "" {
		plugin = path
	}
	if dev.Warning != "" {
		d.say("device", selftest.Warning, "%s: %s", dev.Name, dev.Warning)
		return
	}
	d.say("device", selftest.OK, "%s, %s", dev.Name, plugin)
}

func (d *doctor) memory() {
	r := &d.found.Device
	r.MemoryAvailable = availableMemory()
	switch {
	case r.MemoryAvailable == 0:
		d.say("memory", selftest.OK, "%s on the device", setup.Bytes(int64(r.MemoryLimit)))
	case r.Kind != device.CUDA && r.MemoryAvailable < wantedMemory:
		d.say("memory", selftest.Warning, "%s free of %s; full fine-tuning of the default model takes about %s",
			setup.Bytes(int64(r.MemoryAvailable)), setup.Bytes(int64(r.MemoryLimit)), setup.Bytes(wantedMemory))
	default:
		d.say("memory", selftest.OK, "%s free, limit %s", setup.Bytes(int64(r.MemoryAvailable)), setup.Bytes(int64(r.MemoryLimit)))
	}
}

// availableMemory is what /proc/meminfo says can be used without swapping, 0 where there is no such file.
func availableMemory() uint64 {
	text, _ := os.ReadFile("/proc/meminfo")
	for line := range strings.Lines(string(text)) {
		var kib uint64
		if n, _ := fmt.Sscanf(line, "MemAvailable: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	return 0
}

func (d *doctor) storage() {
	r := &d.found.Cache
	var err error
	if r.Dir, err = setup.CacheDir(); err != nil {
		d.say("cache", selftest.Failed, "%v", err)
		return
	}
	if r.RunsDir, err = run.DefaultRoot(); err != nil {
		d.say("runs", selftest.Failed, "%v", err)
	}
	if r.Parts, err = setup.CacheUsage(); err != nil {
		d.say("cache", selftest.Failed, "%v", err)
		return
	}
	var total int64
	for _, part := range r.Parts {
		total += part.Bytes
		d.show(selftest.Check{Name: "cache", State: selftest.OK, Detail: part.Name + " " + setup.Bytes(part.Bytes)})
	}
	r.FreeBytes = freeSpace(r.Dir)
	state := selftest.OK
	if r.FreeBytes < wantedDisk {
		state = selftest.Warning
	}
	d.say("disk", state, "%s in %s, %s free", setup.Bytes(total), r.Dir, setup.Bytes(int64(r.FreeBytes)))
	if dir := setup.DefaultModelDir(); dir != "" {
		d.say("default model", selftest.OK, "%s", dir)
	} else {
		d.say("default model", selftest.Warning, "%s is not there yet; `make setup` or the first use gets it", setup.DefaultModelName)
	}
}

// freeSpace asks for the nearest folder that exists.
func freeSpace(dir string) uint64 {
	var stat unix.Statfs_t
	for unix.Statfs(dir, &stat) != nil {
		parent := filepath.Dir(dir)
		if parent == dir {
			return 0
		}
		dir = parent
	}
	return stat.Bavail * uint64(stat.Bsize)
}

// tryModel runs the self-test on a model.
func (d *doctor) tryModel(ctx context.Context, resolve func(ctx context.Context, name, revision string) (string, error), name, kind string) {
	dir, err := resolve(ctx, name, "")
	if err != nil {
		d.say("model", selftest.Failed, "%v", err)
		return
	}
	tok, err := dataset.OpenTokenizer(dir)
	if err != nil {
		d.say("model", selftest.Failed, "%v", err)
		return
	}
	defer tok.Close() //nolint:errcheck // only read
	selftest.Tokenizer(tok, d.add)
	h := host(os.Stderr)
	opened, err := h.OpenModel(ctx, kind, compute.Config{ModelDir: dir})
	if err != nil {
		d.say("model", selftest.Failed, "%v", err)
		return
	}
	defer opened.Close()
	info := opened.Trainer.Info()
	d.say("model", selftest.OK, "%s, %s parameters, %d layers, on %s", info.Architecture, count(info.Parameters), info.Layers, opened.Name)
	selftest.Model(opened.Trainer, tok, d.add)
}
