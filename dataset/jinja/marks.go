package jinja

import (
	"crypto/sha256"
	"encoding/hex"
)

// mark is how TRL 1.16 marks a template that it knows, where that is not after
// the generation prompt.
type mark struct {
	known    bool
	header   string // what of an assistant's turn stays outside the mark
	drops    bool   // reasoning in the content is left out, as by the template itself
	epilogue bool   // what follows a last assistant's turn is marked too
}

// markOf returns the mark of a known template, recognised by its text as TRL does.
func markOf(source string) mark {
	sum := sha256.Sum256([]byte(source))
	switch hex.EncodeToString(sum[:8]) {
	case "cd8e9439f0570856": // Qwen2.5
		return mark{known: true, header: "<|im_start|>assistant"}
	case "cfc67e5f349f3769", // Muse Glimmer
		"a4c9919cbbd4acdd": // gpt-oss
		return mark{known: true, drops: true}
	case "0d7e56ca41705b79", // Idefics3
		"830005085ddd94ce": // SmolVLM
		return mark{known: true, header: "Assistant:", drops: true}
	case "dcaee66df77bfbb7", // Phi-3
		"78d976a442bcde2f": // Phi-3.5
		return mark{known: true, header: "<|assistant|>\n", epilogue: true}
	}
	return mark{}
}
