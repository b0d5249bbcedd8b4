package dataset

import (
	"fmt"
	"time"

	"sftui/dataset/jinja"
)

// Options are the settings that decide what a row becomes on its way to ids
// and labels. Their names and their meaning are TRL's SFTConfig's; the zero
// value switches everything off, DefaultOptions has TRL 1.16's defaults.
type Options struct {
	MaxLength          int    // tokens a row may have; 0 means no limit (None)
	TruncationMode     string // keep_start or keep_end
	LongRows           string // rows above MaxLength: truncate (TRL's way), drop, or split into several rows
	Packing            bool   // several rows in one sequence of MaxLength
	PackingStrategy    string // bfd, bfd_split or wrapped
	PaddingFree        bool   // a batch is one long row with restarting position ids
	PadToMultipleOf    int    // 0: pad to the longest row of the batch
	CompletionOnlyLoss *bool  // nil: true when the first row has prompt and completion
	AssistantOnlyLoss  bool   // loss on assistant messages alone

	EOSToken     string // overrides the tokenizer's, "" keeps it
	PADToken     string // overrides the tokenizer's, "" keeps it
	ChatTemplate string // template text that overrides the tokenizer's, "" keeps it
	TextField    string // dataset_text_field, "text" when empty
	Formatting   string // template over a row's columns that becomes its text, "" for none

	// Columns maps a role (messages, prompt, completion, text, tools, …) to
	// the column of the data that plays it.
	Columns map[string]string

	Shuffle        bool  // shuffle_dataset: before packing and after it
	Seed           int64 // of the shuffle
	SkipPrepare    bool  // dataset_kwargs.skip_prepare_dataset: input_ids as they are
	DatasetNumProc int   // TRL packs each process's share of the rows for itself; 0 or 1 for one share

	Now            time.Time   // what strftime_now tells a template; the time of the call when zero
	TemplateKwargs *jinja.Dict // variables for every row's chat template, under a row's own chat_template_kwargs
}

// Values of TruncationMode, LongRows and PackingStrategy.
const (
	KeepStart = "keep_start"
	KeepEnd   = "keep_end"

	LongTruncate = "truncate"
	LongDrop     = "drop"
	LongSplit    = "split"

	PackBFD      = "bfd"
	PackBFDSplit = "bfd_split"
	PackWrapped  = "wrapped"
)

// packBFDRequeue is the name that TRL once had for bfd_split and still accepts.
const packBFDRequeue = "bfd-requeue"

// DefaultOptions are TRL 1.16's defaults.
func DefaultOptions() Options {
	return Options{
		MaxLength:       1024,
		TruncationMode:  KeepStart,
		LongRows:        LongTruncate,
		PackingStrategy: PackBFD,
		TextField:       "text",
		Seed:            42,
	}
}

// paddingFree says whether batches are flattened: asked for, or implied by a
// packing strategy that keeps the borders between rows.
func (o Options) paddingFree() bool {
	return o.PaddingFree || o.Packing && (o.PackingStrategy == PackBFD || o.PackingStrategy == PackBFDSplit)
}

// splits says whether a long row becomes several rows, each of at most MaxLength tokens.
func (o Options) splits() bool {
	return o.LongRows == LongSplit && o.MaxLength > 0 && !o.Packing && !o.SkipPrepare
}

// normalized fills in what an empty field stands for.
func (o Options) normalized() Options {
	if o.TruncationMode == "" {
		o.TruncationMode = KeepStart
	}
	if o.LongRows == "" {
		o.LongRows = LongTruncate
	}
	switch o.PackingStrategy {
	case "":
		o.PackingStrategy = PackBFD
	case packBFDRequeue:
		o.PackingStrategy = PackBFDSplit
	}
	if o.LongRows == LongSplit && o.PackingStrategy == PackBFD {
		o.PackingStrategy = PackBFDSplit
	}
	if o.TextField == "" {
		o.TextField = "text"
	}
	if o.SkipPrepare { // shuffling and packing are parts of the preparation; what packing implies for batches is not
		if o.Packing {
			o.PaddingFree, o.Packing, o.MaxLength = o.paddingFree(), false, 0
		}
		o.Shuffle = false
	}
	return o
}

// validate refuses values and combinations that cannot be prepared; o is normalized.
func (o Options) validate() error {
	switch {
	case o.MaxLength < 0:
		return fmt.Errorf("max_length is %d: it must be at least 1, or none for no limit", o.MaxLength)
	case o.PadToMultipleOf < 0:
		return fmt.Errorf("pad_to_multiple_of is %d: it must be at least 1, or none", o.PadToMultipleOf)
	case o.Seed < 0 && o.Shuffle:
		return fmt.Errorf("seed is %d: shuffle_dataset needs a seed of 0 or more", o.Seed)
	case o.TruncationMode != KeepStart && o.TruncationMode != KeepEnd:
		return fmt.Errorf("truncation_mode is %q: it must be %s or %s", o.TruncationMode, KeepStart, KeepEnd)
	}
	switch o.LongRows {
	case LongTruncate, LongDrop, LongSplit:
	default:
		return fmt.Errorf("long_rows is %q: it must be %s, %s or %s", o.LongRows, LongTruncate, LongDrop, LongSplit)
	}
	if o.Packing {
		switch o.PackingStrategy {
		case PackBFD, PackBFDSplit, PackWrapped:
		default:
			return fmt.Errorf("packing_strategy is %q: it must be %s, %s or %s", o.PackingStrategy, PackBFD, PackBFDSplit, PackWrapped)
		}
		if o.MaxLength == 0 {
			return fmt.Errorf("packing needs a max_length to fill, but max_length is none: set max_length, or packing to false")
		}
	}
	if o.PaddingFree && !o.Packing && o.MaxLength != 0 {
		return fmt.Errorf("padding_free without packing does not enforce max_length (%d): set packing to true, or max_length to none", o.MaxLength)
	}
	return nil
}
