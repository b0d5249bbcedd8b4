//go:build !(linux && amd64)

package setup

import (
	"context"
	"errors"
)

func installCUDA(context.Context, string) error {
	return errors.New("the plugin exists for Linux on x86-64 only")
}
