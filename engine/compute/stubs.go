package compute

import (
	"context"
	"errors"
)

var errNotYet = errors.New("the engine is being written")

// Generate continues prompt, calling emit with every new id.
func (s *Session) Generate(ctx context.Context, prompt []int32, o GenerateOptions, emit func(id int32)) error {
	return errNotYet
}

// SaveState writes weights, moments and step count to dir, exactly.
func (s *Session) SaveState(dir string) error { return errNotYet }

// LoadState restores what SaveState wrote.
func (s *Session) LoadState(dir string) error { return errNotYet }

// Export writes a folder that transformers (or PEFT) loads.
func (s *Session) Export(dir string, o ExportOptions) error { return errNotYet }
