package dataset

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
)

// decidePretokenized settles which columns make the labels.
func (p *Preparer) decidePretokenized(first Row) error {
	p.plan.pretokenized = true
	p.plan.hasLabels = has(first, "labels")
	completion, assistant := has(first, "completion_mask"), has(first, "assistant_masks")
	if p.plan.hasLabels {
		return nil
	}
	if p.o.SkipPrepare && (completion || assistant) {
		return fmt.Errorf("the rows have mask columns but no labels, and skip_prepare_dataset does not build them, so every token would carry loss: add a column labels, or remove skip_prepare_dataset")
	}
	if completion && p.plan.completionOnly {
		p.plan.masks = append(p.plan.masks, "completion_mask")
	}
	if assistant {
		p.plan.masks = append(p.plan.masks, "assistant_masks")
	}
	return nil
}

// vocabulary is the number of ids that the model beside the tokenizer knows:
// its embedding may have more rows than the tokenizer has tokens.
func vocabulary(tok *Tokenizer) int {
	if tok.rows > 0 {
		return tok.rows
	}
	size := tok.VocabSize()
	data, err := os.ReadFile(filepath.Join(tok.Name(), "config.json"))
	if err != nil {
		return size // a tokenizer may stand alone
	}
	var config struct {
		VocabSize int `json:"vocab_size"`
	}
	if json.Unmarshal(data, &config) != nil {
		return size
	}
	return max(size, config.VocabSize)
}

// takeIDs reads the ids, labels and masks of a pretokenized row.
func (p *Preparer) takeIDs(w *work) error {
	var err error
	if w.ids, err = idColumn(w.mapped, "input_ids"); err != nil {
		return err
	}
	for i, id := range w.ids {
		if id < 0 || p.vocab > 0 && int(id) >= p.vocab {
			return fmt.Errorf("input_ids[%d] is %d, but the model's ids are 0…%d: the ids come from another tokenizer", i, id, p.vocab-1)
		}
	}
	if p.plan.hasLabels {
		if w.labels, err = idColumn(w.mapped, "labels"); err != nil {
			return err
		}
		if len(w.labels) != len(w.ids) {
			return fmt.Errorf("labels has %d entries but input_ids has %d: give every token one label, -100 for no loss", len(w.labels), len(w.ids))
		}
		return p.takeLengths(w)
	}
	var masks [][]int32
	for _, column := range p.plan.masks {
		mask, err := idColumn(w.mapped, column)
		if err != nil {
			return err
		}
		if err := checkMask(column, mask, w.ids); err != nil {
			return err
		}
		masks = append(masks, mask)
	}
	w.masks = p.plan.masks
	w.labels = buildLabels(w.ids, masks...)
	return p.takeLengths(w)
}

// takeLengths reads the seq_lengths of a row that came packed already; only a
// padding-free collator reads them.
func (p *Preparer) takeLengths(w *work) error {
	if !has(w.mapped, "seq_lengths") || p.o.Packing || !p.o.paddingFree() {
		return nil
	}
	lengths, err := idColumn(w.mapped, "seq_lengths")
	if err != nil {
		return err
	}
	total := 0
	for _, n := range lengths {
		total += int(n)
	}
	if total != len(w.ids) {
		return fmt.Errorf("seq_lengths adds up to %d but input_ids has %d entries: they must agree", total, len(w.ids))
	}
	w.example.SeqLengths = lengths
	return nil
}

// idColumn is a list of integers.
func idColumn(row Row, column string) ([]int32, error) {
	value, ok := row.Get(column)
	list, isList := value.([]any)
	if !isList {
		if !ok {
			return nil, fmt.Errorf("the row has no %s, but the first row has: give every row the same columns", column)
		}
		return nil, fmt.Errorf("%s is %s, but it must be a list of integers", column, valueKind(value))
	}
	out := make([]int32, len(list))
	for i, entry := range list {
		switch n := entry.(type) {
		case int64:
			if n < math.MinInt32 || n > math.MaxInt32 {
				return nil, fmt.Errorf("%s[%d] is %d, which is no token id", column, i, n)
			}
			out[i] = int32(n)
		case bool:
			if n {
				out[i] = 1
			}
		default:
			return nil, fmt.Errorf("%s[%d] is %s, but it must be an integer", column, i, valueKind(entry))
		}
	}
	return out, nil
}
