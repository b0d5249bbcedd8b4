package dataset

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
)

// EndIDs are the ids at which generation stops for this tokenizer's model: the
// end-of-sequence token in force, the tokenizer's own, and those that config.json
// and generation_config.json beside the tokenizer name.
func (p *Preparer) EndIDs() []int32 {
	var ids []int32
	if id, ok := p.tok.TokenID(p.eos); ok && p.eos != "" {
		ids = append(ids, id)
	}
	if _, id := p.tok.EOS(); id >= 0 {
		ids = append(ids, id)
	}
	for _, file := range []string{"config.json", "generation_config.json"} {
		ids = append(ids, ConfigEnds(filepath.Join(p.tok.dir, file))...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// ConfigEnds reads eos_token_id of a model's JSON file, a number or a list of
// them; none when the file or the entry is missing.
func ConfigEnds(path string) []int32 {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var c struct {
		EOS json.RawMessage `json:"eos_token_id"`
	}
	if json.Unmarshal(data, &c) != nil || len(c.EOS) == 0 || string(c.EOS) == "null" {
		return nil
	}
	var one int32
	if json.Unmarshal(c.EOS, &one) == nil {
		return []int32{one}
	}
	var many []int32
	if json.Unmarshal(c.EOS, &many) != nil {
		return nil
	}
	return slices.DeleteFunc(many, func(id int32) bool { return id < 0 })
}

// Tokenizer is the tokenizer in use.
func (p *Preparer) Tokenizer() *Tokenizer { return p.tok }

// ScanOptions are the options of a scan whose results the workbench, sftui
// check and training share: kept in cacheDir with the ids; with "" nothing is
// kept. The scan's preparer is the receiver, one that Whole made.
func (p *Preparer) ScanOptions(cacheDir string) ScanOptions {
	return ScanOptions{CacheDir: cacheDir, StoreIDs: cacheDir != "", VocabSize: p.tok.VocabSize(), Ends: p.EndIDs()}
}
