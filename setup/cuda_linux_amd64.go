package setup

import (
	"context"
	"os"
	"path/filepath"

	"github.com/gomlx/go-xla/installer"
)

// installCUDA runs go-xla's installer and leaves it behind when ctx ends, since it knows no context. It writes its
// progress to the process's standard output, which belongs to JSON and to the workbench's screen: that is
// turned away while it runs.
func installCUDA(ctx context.Context, dir string) error {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	stdout := os.Stdout
	done := make(chan error, 1)
	os.Stdout = null
	go func() { done <- installer.CudaInstall("cuda13", "latest", dir, false, installer.Quiet) }()
	select {
	case err = <-done:
		os.Stdout = stdout
		if err != nil {
			return err
		}
		return relinkPtxas(filepath.Join(dir, "nvidia", "bin"))
	case <-ctx.Done():
		os.Stdout = stdout
		return ctx.Err()
	}
}

// relinkPtxas makes the installer's absolute link relative, since the folder it points into gets another name.
func relinkPtxas(bin string) error {
	link := filepath.Join(bin, "ptxas")
	if err := os.Remove(link); err != nil {
		return err
	}
	return os.Symlink(filepath.Join("..", "cu13", "bin", "ptxas"), link)
}
