//go:build !unix

package weights

import "os"

// mapping holds a whole file where memory-mapping is not at hand.
type mapping struct{ data []byte }

func mapFile(path string) (*mapping, error) {
	data, err := os.ReadFile(path)
	return &mapping{data: data}, err
}

func (m *mapping) close() error {
	m.data = nil
	return nil
}
