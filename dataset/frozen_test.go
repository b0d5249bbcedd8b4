package dataset

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"sftui/dataset/jinja"
)

// memory is a Source of rows written as JSON in a test.
type memory struct{ rows []Row }

// jsonRows parses rows, one JSON object each.
func jsonRows(t testing.TB, rows ...string) *memory {
	t.Helper()
	m := &memory{}
	for _, text := range rows {
		value, err := jinja.DecodeJSON([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		m.rows = append(m.rows, value.(Row))
	}
	return m
}

func (m *memory) Len() int              { return len(m.rows) }
func (m *memory) At(i int) (Row, error) { return m.rows[i], nil }
func (m *memory) Name() string          { return "test.jsonl" }
func (m *memory) Location(i int) string { return fmt.Sprintf("test.jsonl line %d", i+1) }
func (m *memory) ByteSize(int) int64    { return -1 }
func (m *memory) Close() error          { return nil }
func (m *memory) Columns() []string {
	var columns []string
	for _, row := range m.rows {
		for _, key := range row.Keys() {
			if !slices.Contains(columns, key) {
				columns = append(columns, key)
			}
		}
	}
	return columns
}

// smallTokenizer is a tokenizer of 360 tokens with a chat template that marks
// the assistant's part, both made for these tests.
func smallTokenizer(t testing.TB) *Tokenizer {
	t.Helper()
	tok, err := OpenTokenizer(filepath.Join("testdata", "prepare"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tok.Close() })
	return tok
}

// TestFrozenCases compares with what TRL 1.16 made of the rows in
// testdata/prepare/cases.jsonl with the tokenizer beside them.
func TestFrozenCases(t *testing.T) {
	type frozen struct {
		Name       string
		Config     map[string]any
		Formatting string
		Data       []json.RawMessage
		Rows       []parityRow
		Batches    []parityBatch
	}
	tok := smallTokenizer(t)
	for _, c := range readLines[frozen](t, filepath.Join("testdata", "prepare", "cases.jsonl")) {
		t.Run(c.Name, func(t *testing.T) {
			rows := make([]string, len(c.Data))
			for i, row := range c.Data {
				rows[i] = string(row)
			}
			src := jsonRows(t, rows...)
			pc := parityCase{Name: c.Name, Config: c.Config, Template: "SmolLM2"} // the tokenizer's own template
			o := parityOptions(t, "", pc, nil)
			o.Formatting = c.Formatting
			p, err := NewPreparer(src, tok, o)
			if err != nil {
				t.Fatal(err)
			}
			data, _, err := p.All(context.Background(), 2, nil)
			if err != nil {
				t.Fatal(err)
			}
			compareRows(t, p, data, c.Rows)
			compareBatches(t, p, data, c.Batches)
		})
	}
}

// compareRows compares ids, labels (as a batch of one has them), lengths and positions.
func compareRows(t *testing.T, p *Preparer, data Dataset, want []parityRow) {
	t.Helper()
	if data.Len() != len(want) {
		t.Fatalf("%d rows, TRL has %d", data.Len(), len(want))
	}
	o := p.Options()
	o.PadToMultipleOf = 0
	for i, w := range want {
		got, err := data.At(i)
		if err != nil {
			t.Fatal(err)
		}
		labels := Collate([]Example{got}, p.PadID(), o).Labels[0]
		for name, pair := range map[string][2][]int32{
			"input_ids": {got.InputIDs, w.InputIDs}, "labels": {labels, w.Labels},
			"seq_lengths": {got.SeqLengths, w.SeqLengths}, "position_ids": {got.PositionIDs, w.PositionIDs},
		} {
			if !slices.Equal(pair[0], pair[1]) {
				t.Errorf("row %d: %s differ at %d\n got %v\nwant %v", i, name, commonPrefix(pair[0], pair[1]), pair[0], pair[1])
			}
		}
	}
}

// compareBatches compares collated batches of four rows.
func compareBatches(t *testing.T, p *Preparer, data Dataset, want []parityBatch) {
	t.Helper()
	for b, w := range want {
		var examples []Example
		for i := b * 4; i < min(b*4+4, data.Len()); i++ {
			e, err := data.At(i)
			if err != nil {
				t.Fatal(err)
			}
			examples = append(examples, e)
		}
		got := Collate(examples, p.PadID(), p.Options())
		for name, pair := range map[string][2][][]int32{
			"input_ids": {got.InputIDs, w.InputIDs}, "labels": {got.Labels, w.Labels},
			"attention_mask": {got.AttentionMask, w.AttentionMask}, "position_ids": {got.PositionIDs, w.PositionIDs},
		} {
			if !slices.EqualFunc(pair[0], pair[1], slices.Equal[[]int32]) {
				t.Errorf("batch %d: %s\n got %v\nwant %v", b, name, pair[0], pair[1])
			}
		}
	}
}
