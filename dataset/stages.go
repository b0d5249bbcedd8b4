package dataset

import (
	"fmt"
	"strings"
)

// Names of the stages a row passes through, in order.
const (
	StageRaw       = "raw"
	StageFormatted = "formatted"
	StageConverted = "converted"
	StageRendered  = "rendered"
	StageTokens    = "tokens"
	StageLabels    = "labels"
	StageTruncated = "truncated"
)

// Stage is what one step of the preparation made of a row.
type Stage struct {
	Name   string
	Note   string  // what the step did, one sentence
	Row    Row     // the row, in raw, formatted and converted
	Text   *string // the text, in rendered
	IDs    []int32 // the ids, from tokens on
	Labels []int32 // the labels, from labels on
}

// View is a row with everything that there is to see about it.
type View struct {
	Example
	Stages []Stage
	// IDs and Labels are the row's before truncation; the tokens from KeptFrom
	// to KeptTo (exclusive) are left after it.
	IDs, Labels      []int32
	KeptFrom, KeptTo int
}

// Stages prepares row i and says what every step made of it.
func (p *Preparer) Stages(i int) ([]Stage, error) {
	v, err := p.View(i)
	return v.Stages, err
}

// View prepares row i with its stages, the characters of its tokens and their roles.
func (p *Preparer) View(i int) (View, error) {
	w, err := p.work(i, true)
	if err != nil {
		return View{}, err
	}
	v := View{Example: w.example, IDs: w.ids, Labels: w.labels, KeptTo: len(w.example.InputIDs)}
	if p.o.TruncationMode == KeepEnd {
		v.KeptFrom, v.KeptTo = len(w.ids)-v.KeptTo, len(w.ids)
	}
	v.Offsets = w.offsets
	v.Roles = p.roles(w)
	v.Stages = p.stages(w, v)
	return v, nil
}

func (p *Preparer) stages(w *work, v View) []Stage {
	raw := Stage{Name: StageRaw, Row: w.raw, Note: "as the data has it"}
	if len(p.o.Columns) > 0 {
		raw.Note, raw.Row = "as the data has it, columns mapped by hand", w.mapped
	}
	stages := []Stage{raw}
	if p.format != nil && !p.plan.pretokenized {
		stages = append(stages, Stage{Name: StageFormatted, Row: w.formatted, Note: "the formatting template made the column text"})
	}
	if !p.plan.pretokenized {
		stages = append(stages, Stage{Name: StageConverted, Row: w.converted, Note: p.conversionNote(w)})
	}
	if w.hasText {
		note := "the text that is tokenized"
		if p.shape.Conversational {
			note = "the chat template wrote the messages as text"
		}
		stages = append(stages, Stage{Name: StageRendered, Text: v.Text, Note: note})
	}
	return append(stages,
		Stage{Name: StageTokens, IDs: w.ids, Note: p.tokensNote(w)},
		Stage{Name: StageLabels, IDs: w.ids, Labels: w.labels, Note: p.labelsNote(w)},
		Stage{Name: StageTruncated, IDs: v.InputIDs, Labels: v.Example.Labels, Note: p.truncationNote(v)})
}

func (p *Preparer) conversionNote(w *work) string {
	switch {
	case p.plan.fromValue:
		return "the keys from and value became role and content"
	case p.plan.conversations:
		return "the column conversations is read as messages"
	case p.plan.addEOS && w.converted != w.formatted:
		return fmt.Sprintf("the end-of-sequence token %s was appended", p.eos)
	case p.plan.addEOS:
		return fmt.Sprintf("nothing to do: the text ends with %s", p.eos)
	}
	return "nothing to do"
}

func (p *Preparer) tokensNote(w *work) string {
	note := fmt.Sprintf("%d tokens", len(w.ids))
	switch {
	case !w.hasPrompt:
	case w.sharedTokens < w.promptTokens:
		note += fmt.Sprintf("; the prompt alone has %d, of which the last %d are not the same here, so the completion begins after %d",
			w.promptTokens, w.promptTokens-w.sharedTokens, w.sharedTokens)
	default:
		note += fmt.Sprintf("; the completion begins after %d", w.sharedTokens)
	}
	return note
}

func (p *Preparer) labelsNote(w *work) string {
	note := fmt.Sprintf("%d of %d tokens carry loss", trained(w.labels), len(w.labels))
	switch {
	case p.plan.hasLabels:
		return note + ", by the row's own labels"
	case len(w.masks) > 0:
		return note + ", by " + strings.Join(w.masks, " and ")
	}
	return note
}

func (p *Preparer) truncationNote(v View) string {
	cut := len(v.IDs) - len(v.InputIDs)
	switch {
	case v.Dropped != "":
		return "dropped: " + v.Dropped
	case p.o.splits() && len(v.IDs) > p.o.MaxLength:
		return fmt.Sprintf("long_rows=split makes %d rows of at most %d tokens", (len(v.IDs)+p.o.MaxLength-1)/p.o.MaxLength, p.o.MaxLength)
	case p.o.Packing:
		return fmt.Sprintf("packing decides, with max_length=%d", p.o.MaxLength)
	case p.o.MaxLength == 0:
		return "no limit"
	case cut == 0:
		return fmt.Sprintf("fits into max_length=%d", p.o.MaxLength)
	case p.o.TruncationMode == KeepEnd:
		return fmt.Sprintf("max_length=%d cut the first %d tokens", p.o.MaxLength, cut)
	}
	return fmt.Sprintf("max_length=%d cut the last %d tokens", p.o.MaxLength, cut)
}
