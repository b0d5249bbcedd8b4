package findings

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/gob"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"sftui/dataset"
)

// cacheVersion changes when facts are gathered differently.
const cacheVersion = 7

// The facts of a row are a note that the scan of lengths keeps: the fixed part,
// then what is particular to the row.

// NoteKey identifies what facts depend on besides the prepared rows. No limit
// on length is in it: facts hold for every max_length.
func (c *collector) NoteKey() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d|%v|%v|%d|%q", cacheVersion, slices.Sorted(maps.Keys(c.stops)), c.p.Options().Columns, c.pad, c.specials))
	return hex.EncodeToString(sum[:12])
}

// Note gathers the facts of row i.
func (c *collector) Note(i int, ex dataset.Example, err error) []byte {
	facts := &c.f.rows[i]
	*facts = rowFacts{Flags: flagKnown, First: -1, Last: -1, Stop: -1, MaxID: -1}
	var more any
	if err != nil {
		facts.Flags |= flagFailed
		more = err.Error()
		c.failure(i, err.Error())
		c.failed(facts, i)
	} else {
		c.tokens(facts, ex)
		if raw, err := c.src.At(i); err == nil {
			facts.Flags |= c.text(raw, ex)
		}
		if l := c.lookClosely(i); l != nil {
			more = l
		}
	}
	var b bytes.Buffer
	if binary.Write(&b, binary.LittleEndian, facts) != nil {
		return nil
	}
	if more != nil && gob.NewEncoder(&b).Encode(more) != nil {
		return nil // an unreadable note is made again by the next check
	}
	return b.Bytes()
}

// Noted takes the facts of row i from an earlier check or scan.
func (c *collector) Noted(i int, note []byte) bool {
	r := bytes.NewReader(note)
	var facts rowFacts
	if binary.Read(r, binary.LittleEndian, &facts) != nil || !facts.has(flagKnown) {
		return false
	}
	switch {
	case facts.has(flagFailed):
		var message string
		if gob.NewDecoder(r).Decode(&message) != nil {
			return false
		}
		c.failure(i, message)
	case r.Len() > 0:
		var l look
		if gob.NewDecoder(r).Decode(&l) != nil {
			return false
		}
		c.keep(i, &l)
	}
	c.f.rows[i] = facts
	return true
}

// failure remembers why row i cannot be prepared.
func (c *collector) failure(i int, message string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.f.failures) < maxFailures {
		c.f.failures[i] = message
	}
}

// Notes looks at rows while the workbench scans them, so that a check of the
// same data has nothing left to prepare. p prepares whole rows.
func Notes(p *dataset.Preparer) dataset.Noter { return newCollector(p) }
