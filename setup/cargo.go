package setup

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// cargo is a cargo that works, with what has to be added to its environment.
type cargo struct {
	path string
	env  []string
}

func (c cargo) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.path, args...)
	cmd.Env = append(os.Environ(), c.env...)
	return cmd
}

// findCargo looks for cargo in PATH and in ~/.cargo/bin. rustup's cargo looks for its toolchain under HOME; where HOME is not that
// of the installation it is told where the toolchains lie, beside the .cargo folder that cargo is in.
func findCargo(ctx context.Context) (cargo, error) {
	path, err := exec.LookPath("cargo")
	if err != nil {
		home, homeErr := os.UserHomeDir()
		path = filepath.Join(home, ".cargo", "bin", "cargo")
		if _, statErr := os.Stat(path); homeErr != nil || statErr != nil {
			return cargo{}, errors.New("cargo is not installed")
		}
	}
	installed := filepath.Join(filepath.Dir(filepath.Dir(filepath.Dir(path))), ".rustup")
	for _, c := range []cargo{{path: path}, {path, []string{"RUSTUP_HOME=" + installed}}} {
		if err = c.command(ctx, "--version").Run(); err == nil {
			return c, nil
		}
	}
	return cargo{}, fmt.Errorf("%s --version does not work: %w", path, err)
}

// output runs a command and returns its trimmed output; a failure has the command's own last words.
func output(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, args[0], err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(out)), nil
}

// cargoBuild runs cargo and reports each crate that it compiles.
func cargoBuild(ctx context.Context, cargo cargo, build string, report Reporter) error {
	cmd := cargo.command(ctx, "build", "--release", "--locked", "-p", "tokenizers-ffi")
	cmd.Dir = build
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start cargo: %w", err)
	}
	last := followCargo(stderr, report)
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("cargo build: %w: %s", err, last)
	}
	return nil
}

// followCargo reports each compiled crate and returns the last lines, for an error message.
func followCargo(stderr io.Reader, report Reporter) string {
	var compiled int64
	var last []string
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "Compiling ") {
			compiled++
			report.at(tokenizersStep, compiled, 0)
		}
		if last = append(last, line); len(last) > 6 {
			last = last[1:]
		}
	}
	return strings.Join(last, " | ")
}
