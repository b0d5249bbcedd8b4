package jinja

import (
	"math/big"
	"strconv"
	"strings"
	"unicode"
)

// tokenKind is the kind of a token; operators use their own text.
type tokenKind string

const (
	tokData     tokenKind = "template data / text"
	tokVarBegin tokenKind = "begin of print statement"
	tokVarEnd   tokenKind = "end of print statement"
	tokBegin    tokenKind = "begin of statement block"
	tokEnd      tokenKind = "end of statement block"
	tokName     tokenKind = "name"
	tokString   tokenKind = "string"
	tokInt      tokenKind = "integer"
	tokFloat    tokenKind = "float"
	tokEOF      tokenKind = "end of template"
)

// token is one lexed piece. text holds a name, data, operator or the unescaped string.
type token struct {
	kind  tokenKind
	text  string
	value any // of a number
	pos   int // byte offset in the normalised source
}

// describe names the token as Jinja's messages do.
func (t token) describe() string {
	if t.kind == tokName {
		return t.text
	}
	return string(t.kind)
}

// lexer cuts a template into tokens with trim_blocks and lstrip_blocks on and
// the trailing newline removed, which is how transformers sets Jinja up.
type lexer struct {
	src       string
	pos       int
	out       []token
	lineStart bool   // the last piece ended a line
	open      []byte // brackets to be closed inside a tag
}

// normalise turns every line ending into \n and drops one at the end.
func normalise(source string) string {
	if strings.IndexByte(source, '\r') >= 0 {
		source = strings.ReplaceAll(source, "\r\n", "\n")
		source = strings.ReplaceAll(source, "\r", "\n")
	}
	return strings.TrimSuffix(source, "\n")
}

// lex cuts src, which must be normalised.
func lex(src string) ([]token, error) {
	lx := &lexer{src: src, lineStart: true}
	for lx.pos < len(src) {
		if err := lx.text(); err != nil {
			return nil, err
		}
	}
	lx.out = append(lx.out, token{kind: tokEOF, pos: len(src)})
	return lx.out, nil
}

// errorAt is a syntax error at byte offset pos.
func (lx *lexer) errorAt(pos int, format string, args ...any) error {
	e := fail(kindSyntax, format, args...)
	e.place("", lx.src, pos)
	return e
}

// text reads template data up to the next tag, and that tag.
func (lx *lexer) text() error {
	start := lx.pos
	at := start
	for {
		i := strings.IndexByte(lx.src[at:], '{')
		if i < 0 || at+i+1 >= len(lx.src) {
			lx.data(start, lx.src[start:])
			lx.pos = len(lx.src)
			return nil
		}
		at += i
		if c := lx.src[at+1]; c == '{' || c == '%' || c == '#' {
			break
		}
		at++
	}
	body := lx.src[start:at]
	tag := lx.src[at+1]
	rawEnd, sign := lx.rawTag(at)
	next := at + 2
	if rawEnd > 0 {
		next = rawEnd
	} else if next < len(lx.src) && (lx.src[next] == '-' || lx.src[next] == '+') {
		sign = lx.src[next]
		next++
	}
	lx.data(start, lx.strip(body, sign, tag == '{'))
	lx.lineStart = strings.HasSuffix(lx.src[start:next], "\n")
	lx.pos = next
	switch {
	case rawEnd > 0:
		return lx.raw(at)
	case tag == '#':
		return lx.comment(at)
	case tag == '{':
		return lx.tag(at, tokVarBegin, tokVarEnd)
	}
	return lx.tag(at, tokBegin, tokEnd)
}

// data adds a piece of template text.
func (lx *lexer) data(pos int, s string) {
	if s != "" {
		lx.out = append(lx.out, token{kind: tokData, text: s, pos: pos})
	}
}

// strip removes white space before a tag as its sign and lstrip_blocks say.
func (lx *lexer) strip(body string, sign byte, variable bool) string {
	if sign == '-' {
		return trimRight(body, isSpace)
	}
	if sign == '+' || variable {
		return body
	}
	line := strings.LastIndexByte(body, '\n') + 1
	if (line > 0 || lx.lineStart) && trimRight(body[line:], isSpace) == "" {
		return body[:line]
	}
	return body
}

// rawTag tells whether a raw tag begins at byte offset at, and where its text begins.
func (lx *lexer) rawTag(at int) (end int, sign byte) {
	if lx.src[at+1] != '%' {
		return 0, 0
	}
	rest := lx.src[at+2:]
	if strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "+") {
		sign = rest[0]
		rest = rest[1:]
	}
	rest = trimLeft(rest, isSpace)
	if !strings.HasPrefix(rest, "raw") {
		return 0, 0
	}
	rest = trimLeft(rest[3:], isSpace)
	switch {
	case strings.HasPrefix(rest, "-%}"):
		rest = trimLeft(rest[3:], isSpace)
	case strings.HasPrefix(rest, "%}"):
		rest = rest[2:]
	default:
		return 0, 0
	}
	return len(lx.src) - len(rest), sign
}

// raw reads up to the endraw tag.
func (lx *lexer) raw(at int) error {
	for i := lx.pos; ; i += 2 {
		j := strings.Index(lx.src[i:], "{%")
		if j < 0 {
			return lx.errorAt(at, "Missing end of raw directive")
		}
		i += j
		rest := lx.src[i+2:]
		var sign byte
		if strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "+") {
			sign = rest[0]
			rest = rest[1:]
		}
		rest = trimLeft(rest, isSpace)
		if !strings.HasPrefix(rest, "endraw") {
			continue
		}
		rest = trimLeft(rest[len("endraw"):], isSpace)
		end, ok := lx.closing(len(lx.src)-len(rest), "%}")
		if !ok {
			continue
		}
		lx.data(lx.pos, lx.strip(lx.src[lx.pos:i], sign, false))
		lx.lineStart = strings.HasSuffix(lx.src[i:end], "\n")
		lx.pos = end
		return nil
	}
}

// closing reads a closing tag with its sign at pos: "-" takes the white space
// that follows, "+" nothing, neither takes one newline.
func (lx *lexer) closing(pos int, tag string) (int, bool) {
	rest := lx.src[pos:]
	switch {
	case strings.HasPrefix(rest, tag):
		pos += len(tag)
		if strings.HasPrefix(lx.src[pos:], "\n") {
			pos++
		}
		return pos, true
	case strings.HasPrefix(rest, "+"+tag):
		return pos + 1 + len(tag), true
	case strings.HasPrefix(rest, "-"+tag):
		return len(lx.src) - len(trimLeft(rest[1+len(tag):], isSpace)), true
	}
	return pos, false
}

// comment skips a comment.
func (lx *lexer) comment(at int) error {
	i := strings.Index(lx.src[lx.pos:], "#}")
	if i < 0 {
		return lx.errorAt(at, "Missing end of comment tag")
	}
	i += lx.pos
	if i > lx.pos && (lx.src[i-1] == '-' || lx.src[i-1] == '+') {
		i--
	}
	end, _ := lx.closing(i, "#}")
	lx.lineStart = strings.HasSuffix(lx.src[i:end], "\n")
	lx.pos = end
	return nil
}

// tag reads the inside of a print or statement tag.
func (lx *lexer) tag(at int, begin, end tokenKind) error {
	lx.out = append(lx.out, token{kind: begin, pos: at})
	lx.open = lx.open[:0]
	for lx.pos < len(lx.src) {
		if len(lx.open) == 0 {
			if next, ok := lx.tagEnd(end); ok {
				lx.out = append(lx.out, token{kind: end, pos: lx.pos})
				lx.lineStart = strings.HasSuffix(lx.src[lx.pos:next], "\n")
				lx.pos = next
				return nil
			}
		}
		if err := lx.inside(); err != nil {
			return err
		}
	}
	return nil
}

// tagEnd reads the end of a tag at the current position.
func (lx *lexer) tagEnd(end tokenKind) (int, bool) {
	if end == tokEnd {
		return lx.closing(lx.pos, "%}")
	}
	rest := lx.src[lx.pos:]
	if strings.HasPrefix(rest, "-}}") {
		return len(lx.src) - len(trimLeft(rest[3:], isSpace)), true
	}
	return lx.pos + 2, strings.HasPrefix(rest, "}}")
}

// inside reads one token of an expression or statement.
func (lx *lexer) inside() error {
	r, w := nextRune(lx.src[lx.pos:])
	switch {
	case isSpace(r):
		lx.pos += w
		return nil
	case r >= '0' && r <= '9':
		return lx.number()
	case r == '_' || unicode.IsLetter(r):
		return lx.name()
	case r == '\'' || r == '"':
		return lx.str(byte(r))
	}
	return lx.operator(r)
}

// name reads an identifier.
func (lx *lexer) name() error {
	start := lx.pos
	for lx.pos < len(lx.src) {
		r, w := nextRune(lx.src[lx.pos:])
		if r != '_' && !unicode.In(r, unicode.L, unicode.Nd, unicode.Nl, unicode.Mn, unicode.Mc, unicode.Pc) {
			break
		}
		lx.pos += w
	}
	lx.out = append(lx.out, token{kind: tokName, text: lx.src[start:lx.pos], pos: start})
	return nil
}

// operators are tried longest first.
var operators = [...]string{"//", "**", "==", "!=", ">=", "<=",
	"+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".", ":", "|", ",", ";"}

// operator reads an operator and keeps the brackets balanced.
func (lx *lexer) operator(r rune) error {
	rest := lx.src[lx.pos:]
	for _, op := range operators {
		if !strings.HasPrefix(rest, op) {
			continue
		}
		switch op {
		case "{":
			lx.open = append(lx.open, '}')
		case "(":
			lx.open = append(lx.open, ')')
		case "[":
			lx.open = append(lx.open, ']')
		case "}", ")", "]":
			if len(lx.open) == 0 {
				return lx.errorAt(lx.pos, "unexpected '%s'", op)
			}
			want := lx.open[len(lx.open)-1]
			lx.open = lx.open[:len(lx.open)-1]
			if want != op[0] {
				return lx.errorAt(lx.pos, "unexpected '%s', expected '%c'", op, want)
			}
		}
		lx.out = append(lx.out, token{kind: tokenKind(op), text: op, pos: lx.pos})
		lx.pos += len(op)
		return nil
	}
	return lx.errorAt(lx.pos, "unexpected char %s at %d", repr(fromRunes([]rune{r})), runeCount(lx.src[:lx.pos]))
}

// digits returns the end of a run of digits of a base, with single underscores between.
func (lx *lexer) digits(pos int, ok func(byte) bool) int {
	end := pos
	for end < len(lx.src) {
		c := lx.src[end]
		switch {
		case ok(c):
			end++
		case c == '_' && end > pos && end+1 < len(lx.src) && ok(lx.src[end+1]):
			end += 2
		default:
			return end
		}
	}
	return end
}

func decimal(c byte) bool { return c >= '0' && c <= '9' }

// number reads an integer or a float.
func (lx *lexer) number() error {
	start := lx.pos
	if end, ok := lx.float(start); ok {
		f, err := strconv.ParseFloat(strings.ReplaceAll(lx.src[start:end], "_", ""), 64)
		if err != nil && f == 0 {
			return lx.errorAt(start, "invalid number")
		}
		lx.out = append(lx.out, token{kind: tokFloat, text: lx.src[start:end], value: f, pos: start})
		lx.pos = end
		return nil
	}
	end := lx.integerEnd(start)
	n, ok := new(big.Int).SetString(strings.ReplaceAll(lx.src[start:end], "_", ""), 0)
	if !ok {
		return lx.errorAt(start, "invalid number")
	}
	lx.out = append(lx.out, token{kind: tokInt, text: lx.src[start:end], value: normInt(n), pos: start})
	lx.pos = end
	return nil
}

// integerEnd returns where the integer at start ends.
func (lx *lexer) integerEnd(start int) int {
	if lx.src[start] != '0' {
		return lx.digits(start, decimal)
	}
	if start+1 < len(lx.src) {
		var ok func(byte) bool
		switch lx.src[start+1] | 0x20 {
		case 'b':
			ok = func(c byte) bool { return c == '0' || c == '1' }
		case 'o':
			ok = func(c byte) bool { return c >= '0' && c <= '7' }
		case 'x':
			ok = func(c byte) bool { return decimal(c) || (c|0x20 >= 'a' && c|0x20 <= 'f') }
		}
		if ok != nil {
			from := start + 2
			if from+1 < len(lx.src) && lx.src[from] == '_' && ok(lx.src[from+1]) {
				from++
			}
			if end := lx.digits(from, ok); end > from {
				return end
			}
		}
	}
	return lx.digits(start, func(c byte) bool { return c == '0' })
}

// float returns the end of a float at start, if there is one.
func (lx *lexer) float(start int) (int, bool) {
	if start > 0 && lx.src[start-1] == '.' {
		return 0, false
	}
	end := lx.digits(start, decimal)
	isFloat := false
	if end+1 < len(lx.src) && lx.src[end] == '.' && decimal(lx.src[end+1]) {
		end = lx.digits(end+1, decimal)
		isFloat = true
	}
	if end < len(lx.src) && lx.src[end]|0x20 == 'e' {
		exp := end + 1
		if exp < len(lx.src) && (lx.src[exp] == '+' || lx.src[exp] == '-') {
			exp++
		}
		if exp < len(lx.src) && decimal(lx.src[exp]) {
			return lx.digits(exp, decimal), true
		}
	}
	return end, isFloat
}

// str reads a string literal.
func (lx *lexer) str(quote byte) error {
	start := lx.pos
	for i := start + 1; i < len(lx.src); i++ {
		switch lx.src[i] {
		case '\\':
			i++
		case quote:
			s, err := unescape(lx.src[start+1 : i])
			if err != nil {
				return lx.errorAt(start, "%s", err.Error())
			}
			lx.out = append(lx.out, token{kind: tokString, text: s, pos: start})
			lx.pos = i + 1
			return nil
		}
	}
	return lx.errorAt(start, "unexpected char %s at %d", repr(string(quote)), runeCount(lx.src[:start]))
}
