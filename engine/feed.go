package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"sftui/dataset"
	"sftui/engine/compute"
)

// feed is what the loop trains on: a number of items and batches of them.
// Items are prepared rows, or whole given micro-batches when replaying.
// Its methods may be called from several goroutines.
type feed interface {
	Len() int
	// Batch collates items.
	Batch(items []int) (compute.Batch, error)
	// Tokens is the length of an item.
	Tokens(item int) int
	// Fixed reports that an item is a whole micro-batch, whose size cannot change.
	Fixed() bool
	// Where says in words where items, which have these rows, come from; "" where
	// the numbers of the rows say it, being those of dataset_name.
	Where(items, rows []int) string
}

// exampleFeed serves prepared rows through TRL's collator.
type exampleFeed struct {
	data    dataset.Dataset
	pad     int32
	options dataset.Options
	lengths []int32
	locate  func(row int) string // of a mixture, whose numbers are those of no file; else nil
}

// newExampleFeed reads every row's length once, which also finds a row that
// cannot be read before training starts rather than hours into it.
func newExampleFeed(data dataset.Dataset, pad int32, o dataset.Options) (*exampleFeed, error) {
	f := &exampleFeed{data: data, pad: pad, options: o, lengths: make([]int32, data.Len())}
	for i := range f.lengths {
		e, err := data.At(i)
		if err != nil {
			return nil, err
		}
		f.lengths[i] = int32(len(e.InputIDs))
	}
	return f, nil
}

func (f *exampleFeed) Len() int            { return len(f.lengths) }
func (f *exampleFeed) Tokens(item int) int { return int(f.lengths[item]) }
func (f *exampleFeed) Fixed() bool         { return false }

func (f *exampleFeed) Where(_, rows []int) string {
	if f.locate == nil {
		return ""
	}
	return some(rows, f.locate)
}

func (f *exampleFeed) Batch(items []int) (compute.Batch, error) {
	examples := make([]dataset.Example, len(items))
	for i, item := range items {
		var err error
		if examples[i], err = f.data.At(item); err != nil {
			return compute.Batch{}, err
		}
	}
	return compute.Batch(dataset.Collate(examples, f.pad, f.options)), nil
}

// outlineFeed serves rows of which only the lengths are known: its batches
// have the shapes of the real ones.
type outlineFeed struct {
	exampleFeed
}

// newOutlineFeed numbers the rows as rows says, nil for as they are.
func newOutlineFeed(data *dataset.Outline, rows []int, o dataset.Options) *outlineFeed {
	f := &outlineFeed{exampleFeed{data: data, options: o, lengths: make([]int32, data.Len())}}
	for i := range f.lengths {
		f.lengths[i] = int32(data.Tokens(i))
	}
	if rows != nil {
		f.data = &renumbered{data, rows}
	}
	return f
}

// replayFeed serves given micro-batches in the order of their file.
type replayFeed struct {
	path    string
	batches []compute.Batch
}

// givenBatch is one micro-batch of a replay file.
type givenBatch struct {
	InputIDs      [][]int32 `json:"input_ids"`
	Labels        [][]int32 `json:"labels"`
	AttentionMask [][]int32 `json:"attention_mask"`
	PositionIDs   [][]int32 `json:"position_ids"`
}

// openReplay reads a JSON array of micro-batches ({"input_ids": [[…]],
// "labels": [[…]], "attention_mask": [[…]]?, "position_ids": [[…]]?}).
// vocabulary bounds the ids.
func openReplay(path string, vocabulary int) (*replayFeed, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("replay file: %w", err)
	}
	defer f.Close() //nolint:errcheck // opened for reading only
	var given []givenBatch
	in := json.NewDecoder(f)
	if err := in.Decode(&given); err != nil {
		return nil, fmt.Errorf("%s is not a JSON array of batches: %w", path, err)
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s has something after its array of batches", path)
	}
	if len(given) == 0 {
		return nil, fmt.Errorf("%s has no batches", path)
	}
	r := &replayFeed{path: path}
	for i, g := range given {
		if err := g.check(vocabulary); err != nil {
			return nil, fmt.Errorf("%s: batch %d: %w", path, i, err)
		}
		r.batches = append(r.batches, compute.Batch{InputIDs: g.InputIDs, Labels: g.Labels, AttentionMask: g.AttentionMask, PositionIDs: g.PositionIDs})
	}
	return r, nil
}

// check makes sure that everything has the shape of input_ids.
func (g *givenBatch) check(vocabulary int) error {
	if len(g.InputIDs) == 0 || len(g.InputIDs[0]) == 0 {
		return errors.New("input_ids is empty")
	}
	width := len(g.InputIDs[0])
	for name, part := range map[string][][]int32{"input_ids": g.InputIDs, "labels": g.Labels, "attention_mask": g.AttentionMask, "position_ids": g.PositionIDs} {
		if part == nil && name != "labels" {
			continue
		}
		if len(part) != len(g.InputIDs) {
			return fmt.Errorf("%s has %d rows where input_ids has %d", name, len(part), len(g.InputIDs))
		}
		for i, row := range part {
			if len(row) != width {
				return fmt.Errorf("%s row %d has %d entries where input_ids row 0 has %d", name, i, len(row), width)
			}
		}
	}
	for i, row := range g.InputIDs {
		for j, id := range row {
			label := g.Labels[i][j]
			if id < 0 || int(id) >= vocabulary || int(label) >= vocabulary || label < 0 && label != dataset.IgnoreIndex {
				return fmt.Errorf("row %d, position %d: id %d or label %d is outside the model's vocabulary of %d", i, j, id, label, vocabulary)
			}
		}
	}
	return nil
}

func (r *replayFeed) Len() int    { return len(r.batches) }
func (r *replayFeed) Fixed() bool { return true }

// Where numbers batches from 0, as the messages about a file that cannot be read do.
func (r *replayFeed) Where(items, _ []int) string {
	return "batch " + some(items, strconv.Itoa) + " of " + r.path
}

func (r *replayFeed) Tokens(item int) int {
	b := r.batches[item]
	return len(b.InputIDs) * len(b.InputIDs[0])
}

func (r *replayFeed) Batch(items []int) (compute.Batch, error) {
	if len(items) != 1 {
		return compute.Batch{}, fmt.Errorf("a replayed micro-batch is one item, asked for %d", len(items))
	}
	return r.batches[items[0]], nil
}
