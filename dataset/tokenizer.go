package dataset

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/daulet/tokenizers"
)

// Tokenizer gives the ids that a model's tokenizer.json defines. It is safe
// for concurrent use.
type Tokenizer struct {
	dir         string
	fingerprint string
	template    string
	templates   map[string]string // named templates of tokenizer_config.json, by name
	specials    map[string]string // role (bos_token …) -> token text
	added       []addedToken
	special     map[int32]bool
	addedID     map[string]int32
	addedPiece  map[int32]string
	file        tokenizerFile

	postProcessor string // its type, "" for none
	rows          int    // of the model's embedding where a cloned template decided it; 0 otherwise
	cloneNote     string // what a cloned template added; "" for nothing
	effective     []byte // the text that backend was made of; of a cloned tokenizer alone
	rebuilt       bool   // transformers 5 makes another tokenizer of the folder than its file says

	mu      sync.RWMutex // guards backend against Close
	backend *tokenizers.Tokenizer

	vocabOnce sync.Once
	vocab     map[string]int32
	pieces    []string

	nulOnce sync.Once
	nul     nulStandIn // by standIn alone: finding it takes the whole vocabulary
	words   *wordCache // nil where it would not be exact
}

// OpenTokenizer reads the tokenizer of a Hugging Face model folder:
// tokenizer.json (needed), tokenizer_config.json, special_tokens_map.json and
// chat_template.jinja (each used when there).
func OpenTokenizer(dir string) (*Tokenizer, error) { return openTokenizer(dir, nil) }

// openTokenizer is OpenTokenizer with a change to what the files say, before
// the backend is made of it; nil for none.
func openTokenizer(dir string, change func(*Tokenizer)) (*Tokenizer, error) {
	path := filepath.Join(dir, "tokenizer.json")
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, missingTokenizer(dir, err)
	}
	t := &Tokenizer{dir: dir, special: map[int32]bool{}, addedID: map[string]int32{}, addedPiece: map[int32]string{}}
	if err := json.Unmarshal(data, &t.file); err != nil {
		return nil, fmt.Errorf("%s is not a tokenizer file: %w; download it again", path, err)
	}
	var post struct{ Type string }
	if json.Unmarshal(t.file.PostProcessor, &post) == nil {
		t.postProcessor = post.Type
	}
	if len(t.file.Model) == 0 {
		return nil, fmt.Errorf("%s has no \"model\" entry, so it is not a tokenizer file; download it again", path)
	}
	config, err := readTokenizerConfig(dir)
	if err != nil {
		return nil, err
	}
	t.specials = config.specials
	if !config.padNamed {
		t.readPadding(&config)
	}
	t.template, t.templates = config.template, config.templates
	t.added = t.file.AddedTokens
	t.rebuilt = config.class == "LlamaTokenizer" && !config.legacy && bytes.Contains(t.file.Normalizer, []byte(`"Prepend"`)) && modelType(dir) == "llama"
	effective, err := t.effectiveFile(data, config, change)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, a := range t.added {
		t.addedID[a.Content], t.addedPiece[a.ID] = a.ID, a.Content
		if a.Special {
			t.special[a.ID] = true
		}
	}
	var how []tokenizers.TokenizerOption
	if config.split {
		how = append(how, tokenizers.WithEncodeSpecialTokens())
	}
	t.backend, err = tokenizers.FromBytes(effective, how...)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be loaded: %w", path, err)
	}
	t.fingerprint = t.hash(effective, config.split)
	if change != nil {
		t.effective = effective
	}
	if config.split {
		return t, nil // the word cache takes special tokens for tokens
	}
	t.words = newWordCache(t.file, t.added, func(text string) ([]int32, error) {
		enc, err := t.run(text, false)
		return enc.ids, err
	})
	return t, nil
}

// readPadding takes the padding token from tokenizer.json, as transformers
// does where the configuration says nothing of one; it is added to the
// vocabulary where it is not in it.
func (t *Tokenizer) readPadding(c *tokenizerConfig) {
	var padding struct {
		Token string `json:"pad_token"`
	}
	if json.Unmarshal(t.file.Padding, &padding) == nil && padding.Token != "" {
		t.specials["pad_token"] = padding.Token
		if !slices.ContainsFunc(c.extra, func(a addedToken) bool { return a.Content == padding.Token }) {
			c.extra = append(c.extra, addedToken{Content: padding.Token, ID: -1, Special: true})
		}
	}
}

func missingTokenizer(dir string, err error) error {
	if st, statErr := os.Stat(dir); statErr != nil || !st.IsDir() {
		return fmt.Errorf("%s is not a model folder; give the folder that holds config.json and tokenizer.json", dir)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s: the tokenizer cannot be read: %w", dir, err)
	}
	for _, other := range []string{"tokenizer.model", "vocab.json", "vocab.txt", "tiktoken.model"} {
		if _, err := os.Stat(filepath.Join(dir, other)); err == nil {
			return fmt.Errorf("%s has %s but no tokenizer.json; save it once with transformers' save_pretrained to get one", dir, other)
		}
	}
	return fmt.Errorf("%s has no tokenizer.json; download the model's tokenizer files into that folder", dir)
}

func (t *Tokenizer) hash(effective []byte, split bool) string {
	h := sha256.New()
	h.Write(effective)
	if split {
		fmt.Fprintln(h, "split_special_tokens")
	}
	for _, role := range sortedKeys(t.specials) {
		fmt.Fprintf(h, "%s=%q\n", role, t.specials[role])
	}
	fmt.Fprintf(h, "template=%q\n", t.template)
	for _, name := range sortedKeys(t.templates) {
		fmt.Fprintf(h, "%q=%q\n", name, t.templates[name])
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Encode returns the ids of text without the post-processor's special tokens
// (add_special_tokens=False). Special tokens spelled in text become their ids,
// as in transformers.
func (t *Tokenizer) Encode(text string) ([]int32, error) { return t.encode(text, false) }

// EncodeSpecial returns the ids of text with what the post-processor adds
// (add_special_tokens=True).
func (t *Tokenizer) EncodeSpecial(text string) ([]int32, error) { return t.encode(text, true) }

func (t *Tokenizer) encode(text string, special bool) ([]int32, error) {
	if !special || t.addsNothing() {
		if ids, ok := t.words.encode(text); ok {
			return ids, nil
		}
	}
	enc, err := t.run(text, special)
	if err != nil {
		return nil, err
	}
	return enc.ids, nil
}

// EncodeOffsets is Encode or EncodeSpecial with, for each id, the half-open
// range of code points of text that it stands for; [0,0] for tokens that the
// post-processor added.
func (t *Tokenizer) EncodeOffsets(text string, special bool) (ids []int32, offsets [][2]int, err error) {
	enc, err := t.run(text, special, tokenizers.WithReturnOffsets())
	if err != nil {
		return nil, nil, err
	}
	return enc.ids, codePointOffsets(text, enc.offsets), nil
}

// addsNothing reports whether the post-processor leaves the ids as they are.
func (t *Tokenizer) addsNothing() bool {
	return isNull(t.file.PostProcessor) || t.postProcessor == "ByteLevel"
}

type encoding struct {
	ids     []int32
	offsets []tokenizers.Offset // bytes
}

func (t *Tokenizer) run(text string, special bool, opts ...tokenizers.EncodeOption) (encoding, error) {
	if !utf8.ValidString(text) {
		return encoding{}, fmt.Errorf("the text is not valid UTF-8 at byte %d; re-encode the data as UTF-8", firstInvalid(text))
	}
	restore := false
	if strings.IndexByte(text, 0) >= 0 {
		var err error
		if text, restore, err = t.standIn().hide(text); err != nil {
			return encoding{}, err
		}
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.backend == nil {
		return encoding{}, fmt.Errorf("%s: the tokenizer is closed", t.dir)
	}
	out, err := t.backend.EncodeWithOptionsErr(text, special, opts...)
	if err != nil {
		return encoding{}, fmt.Errorf("%s: the tokenizer cannot encode the text: %w", t.dir, err)
	}
	ids := make([]int32, len(out.IDs))
	for i, id := range out.IDs {
		ids[i] = int32(id)
	}
	if restore {
		t.standIn().restore(ids)
	}
	return encoding{ids: ids, offsets: out.Offsets}, nil
}

func (t *Tokenizer) standIn() nulStandIn {
	t.nulOnce.Do(func() { t.nul = findStandIn(t) })
	return t.nul
}

func firstInvalid(s string) int {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(s)
}

// codePointOffsets turns byte offsets, which the backend gives, into code
// point offsets, which Python gives. A boundary inside a character (a token
// that is part of one) is widened to the whole character, as Python does.
func codePointOffsets(text string, bytes []tokenizers.Offset) [][2]int {
	out := make([][2]int, len(bytes))
	ascii := true
	for i := 0; i < len(text); i++ {
		if text[i] >= utf8.RuneSelf {
			ascii = false
			break
		}
	}
	if ascii {
		for i, o := range bytes {
			out[i] = [2]int{int(o[0]), int(o[1])}
		}
		return out
	}
	// index[b] is the number of characters that begin before byte b.
	index := make([]int32, len(text)+1)
	n := int32(0)
	for b := 0; b < len(text); b++ {
		index[b] = n
		if utf8.RuneStart(text[b]) {
			n++
		}
	}
	index[len(text)] = n
	for i, o := range bytes {
		start, end := min(int(o[0]), len(text)), min(int(o[1]), len(text))
		first := int(index[start])
		if start < len(text) && !utf8.RuneStart(text[start]) {
			first--
		}
		out[i] = [2]int{first, int(index[end])}
	}
	return out
}

// Decode returns the text of ids, special tokens included; "" for no ids and
// U+FFFD where the ids do not make up whole characters.
func (t *Tokenizer) Decode(ids []int32) string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.backend == nil || len(ids) == 0 {
		return ""
	}
	size := int32(t.backend.VocabSize())
	u := make([]uint32, 0, len(ids))
	for _, id := range ids {
		if id >= 0 && (id < size || t.special[id]) {
			u = append(u, uint32(id))
		}
	}
	s, err := t.backend.DecodeErr(u, false)
	if err == nil {
		return s
	}
	// The binding cannot return a text with U+0000: decode around it.
	return t.standIn().decode(t.backend, u)
}

// VocabSize is the number of tokens, added ones included.
func (t *Tokenizer) VocabSize() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.backend == nil {
		return 0
	}
	return int(t.backend.VocabSize())
}

// IsSpecial reports whether id is an added token marked special.
func (t *Tokenizer) IsSpecial(id int32) bool { return t.special[id] }

// Piece is the token of id as the vocabulary spells it (byte-level
// vocabularies write a space as Ġ); "" for an unknown id.
func (t *Tokenizer) Piece(id int32) string {
	if piece, ok := t.addedPiece[id]; ok {
		return piece
	}
	t.loadVocab()
	if id < 0 || int(id) >= len(t.pieces) {
		return ""
	}
	return t.pieces[id]
}

// TokenID is the id of a token as the vocabulary spells it.
func (t *Tokenizer) TokenID(token string) (int32, bool) {
	if id, ok := t.addedID[token]; ok {
		return id, true
	}
	t.loadVocab()
	id, ok := t.vocab[token]
	return id, ok
}

// EOS is the end-of-sequence token and its id; "" and -1 when there is none.
func (t *Tokenizer) EOS() (string, int32) { return t.role("eos_token") }

// PAD is the padding token and its id; "" and -1 when there is none.
func (t *Tokenizer) PAD() (string, int32) { return t.role("pad_token") }

// BOS is the begin-of-sequence token and its id; "" and -1 when there is none.
func (t *Tokenizer) BOS() (string, int32) { return t.role("bos_token") }

func (t *Tokenizer) role(role string) (string, int32) {
	token, ok := t.specials[role]
	if !ok {
		return "", -1
	}
	if id, ok := t.TokenID(token); ok {
		return token, id
	}
	return token, -1
}

// ChatTemplate is the source of the model's chat template (the one named
// "default" where there are several), "" when the model has none.
func (t *Tokenizer) ChatTemplate() string { return t.template }

// NamedChatTemplates are the templates that tokenizer_config.json lists by
// name ("default", "tool_use", "rag" …); nil when it has one template or none.
func (t *Tokenizer) NamedChatTemplates() map[string]string { return t.templates }

// SpecialTokens are the tokens with a role, by role: bos_token, eos_token,
// unk_token, sep_token, pad_token, cls_token, mask_token, and a model's own
// ones such as image_token.
func (t *Tokenizer) SpecialTokens() map[string]string {
	out := make(map[string]string, len(t.specials))
	for k, v := range t.specials {
		out[k] = v
	}
	return out
}

// modelType is the model_type of the configuration beside a tokenizer, "" for none.
func modelType(dir string) string {
	config, err := readJSONObject(filepath.Join(dir, "config.json"))
	if err != nil {
		return ""
	}
	name := ""
	_ = json.Unmarshal(config.values["model_type"], &name) // stays empty where it is no text
	return name
}

// Note says where transformers does not follow tokenizer.json, as this package
// does, or else what a cloned chat template added; "" where there is neither.
func (t *Tokenizer) Note() string {
	if !t.rebuilt {
		return t.cloneNote
	}
	return "transformers 5 loads this tokenizer as a LlamaTokenizer that puts no ▁ after special tokens, where tokenizer.json does; sftui follows the file, so ids after special tokens differ from TRL's: set legacy to true in tokenizer_config.json to make both agree"
}

// Fingerprint identifies everything that the ids depend on: the tokenizer, its
// special tokens and its chat template.
func (t *Tokenizer) Fingerprint() string { return t.fingerprint }

// Close frees the native tokenizer. Later calls fail or return nothing.
func (t *Tokenizer) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.backend == nil {
		return nil
	}
	err := t.backend.Close()
	t.backend = nil
	return err
}

// Name is the folder that the tokenizer came from.
func (t *Tokenizer) Name() string { return strings.TrimSuffix(t.dir, "/") }
