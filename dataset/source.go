// Package dataset turns data files, folders and hub data sets into the token
// ids and labels that a model is trained on.
//
// A Source gives the raw rows of a data set one by one, whatever its file
// type and size, without holding the whole of it in memory. A Tokenizer gives
// the ids that the model's own tokenizer.json defines.
package dataset

import (
	"fmt"

	"sftui/dataset/jinja"
)

// Row is one raw row: its columns in the order in which the data has them.
type Row = *jinja.Dict

// Source is random access to the raw rows of a data set. All methods may be
// called from several goroutines at once.
type Source interface {
	// Len is the number of rows.
	Len() int
	// At returns row i (0-based). The error names the file and the row. The row
	// may be shared with other callers: it must not be changed.
	At(i int) (Row, error)
	// Columns are the names of the columns, in the order in which rows have them.
	Columns() []string
	// Name is the data set's name as a person would say it: a path or a hub id.
	Name() string
	// Location says where row i is, as in "train.jsonl line 7" (lines count
	// from 1) or "train.parquet row 6" (rows count from 0).
	Location(i int) string
	// ByteSize is a cheap estimate of the size of row i in bytes, -1 when unknown.
	ByteSize(i int) int64
	// Close releases files. The source must not be used afterwards.
	Close() error
}

// OpenOptions says which part of a data set to open and where hub files live.
// The zero value opens the split "train" of the default configuration.
type OpenOptions struct {
	Name        string // shown name; the spec when empty
	Config      string // hub configuration ("subset"), as after the colon in owner/name:config
	Split       string // "train" when empty
	Revision    string // hub branch, tag or commit, as after @
	HubEndpoint string // HF_ENDPOINT or the public hub when empty
	CacheDir    string // hub cache; HF_HUB_CACHE, HF_HOME or ~/.cache/huggingface/hub when empty
	Offline     bool   // never ask the network, as HF_HUB_OFFLINE=1 does
	Progress    func(done, total int64)
}

// Select is a view of src that has the given rows in the given order.
func Select(src Source, rows []int) Source { return &selection{Source: src, rows: rows} }

type selection struct {
	Source
	rows []int
}

func (s *selection) Len() int { return len(s.rows) }

func (s *selection) At(i int) (Row, error) {
	if i < 0 || i >= len(s.rows) {
		return nil, fmt.Errorf("%s: row %d is outside 0…%d", s.Name(), i, len(s.rows)-1)
	}
	return s.Source.At(s.rows[i])
}

func (s *selection) Location(i int) string { return s.Source.Location(s.rows[i]) }

func (s *selection) ByteSize(i int) int64 { return s.Source.ByteSize(s.rows[i]) }
