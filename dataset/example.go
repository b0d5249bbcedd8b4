package dataset

// Example is one prepared row, or one packed sequence of several.
type Example struct {
	Row  int   // the raw row, or the number of the sequence when packed
	Rows []int // the raw rows in a packed sequence, in order; nil otherwise

	Text       *string // what was tokenized; nil when the row came with input_ids or is packed
	InputIDs   []int32
	Labels     []int32 // IgnoreIndex where a token carries no loss
	SeqLengths []int32 // lengths of the documents in a packed sequence
	// PositionIDs restart with each document; set in padding-free runs alone.
	PositionIDs []int32
	Dropped     string // why the row is not trained on; "" for a row that is
	FullLength  int    // tokens before truncation
	// PromptTokens is how many ids the prompt alone has, SharedTokens how many of
	// them begin the whole row: fewer when tokens merge across the border.
	PromptTokens, SharedTokens int

	// Offsets and Roles are for looking at a row; Preparer.View sets them.
	Offsets [][2]int // characters of Text that each token of the untruncated row stands for
	Roles   []RoleSpan
}

// RoleSpan says which part of the conversation tokens Start to End
// (exclusive, of the untruncated row) come from.
type RoleSpan struct {
	Start, End int
	Role       string // system, user, assistant, tool, …; prompt, completion or text for strings; "" for the template's own text
	Message    int    // index of the message among prompt and completion, -1 for none
}

// Dataset is random access to prepared rows: after dropping, packing and
// shuffling. At may be called from several goroutines at once.
type Dataset interface {
	Len() int
	At(i int) (Example, error)
}
