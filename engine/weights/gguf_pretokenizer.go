package weights

import (
	"slices"
	"strings"
)

// preTokenizer holds the parts of a tokenizer.json that tokenizer.ggml.pre stands for.
type preTokenizer struct {
	normalizer    any
	split         any
	decoder       any
	ignoreMerges  bool // a piece that is a token as a whole is taken without merging
	addBOS        bool // unless the file says otherwise
	sentencePiece bool
}

// Patterns by which byte-level tokenizers split text. They are facts of the models, quoted from no one's program.
const (
	contractions  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)`
	wordsAndRest  = `|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}` + digitRun + `| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	digitRun      = "\x00" // replaced by how many digits make a piece
	casedWords    = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+`
	upperWords    = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*`
	slashAndSpace = `| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

// byteLevelPreTokenizers has the supported values of tokenizer.ggml.pre.
var byteLevelPreTokenizers = func() map[string]preTokenizer {
	plain := preTokenizer{split: byteLevel(true), decoder: byteLevel(true)}
	digits := preTokenizer{decoder: byteLevel(true), split: map[string]any{"type": "Sequence", "pretokenizers": []any{
		map[string]any{"type": "Digits", "individual_digits": true}, byteLevel(true),
	}}}
	llama3 := splitting(contractions + strings.Replace(wordsAndRest, digitRun, "{1,3}", 1))
	dbrx := llama3
	llama3.ignoreMerges, llama3.addBOS = true, true
	stableLM := splitting(contractions + strings.Replace(wordsAndRest, digitRun, "", 1))
	qwen := stableLM
	qwen.normalizer = map[string]any{"type": "NFC"}
	tekken := splitting(casedWords + "|" + upperWords + `|\p{N}` + slashAndSpace)
	tekken.ignoreMerges, tekken.addBOS = true, true
	gpt4o := splitting(casedWords + contractions + "?|" + upperWords + contractions + `?|\p{N}{1,3}` + slashAndSpace)

	table := map[string]preTokenizer{"tekken": tekken, "gpt-4o": gpt4o, "qwen2": qwen, "stablelm2": stableLM, "dbrx": dbrx, "smaug-bpe": dbrx}
	for _, name := range []string{"gpt-2", "mpt", "olmo", "jais", "phi-2"} {
		table[name] = plain
	}
	for _, name := range []string{"smollm", "starcoder", "refact", "command-r", "codeshell"} {
		table[name] = digits
	}
	for _, name := range []string{"llama-bpe", "llama3", "llama-v3", "falcon3"} {
		table[name] = llama3
	}
	return table
}()

func supportedPreTokenizers() string {
	var names []string
	for name := range byteLevelPreTokenizers {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func byteLevel(useRegex bool) map[string]any {
	return map[string]any{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": useRegex}
}

// splitting isolates the matches of a pattern and maps their bytes.
func splitting(pattern string) preTokenizer {
	return preTokenizer{decoder: byteLevel(true), split: map[string]any{"type": "Sequence", "pretokenizers": []any{
		map[string]any{"type": "Split", "pattern": map[string]any{"Regex": pattern}, "behavior": "Isolated", "invert": false},
		byteLevel(false),
	}}}
}
