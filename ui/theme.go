package ui

import (
	"image/color"
	"strings"

	"charm.land/bubbles/v2/help"
	"charm.land/bubbles/v2/textarea"
	"charm.land/bubbles/v2/textinput"
	"charm.land/lipgloss/v2"
)

// ink is a role that text plays; the theme says how the role looks. No other
// file builds a style.
type ink int

// The roles. Each that carries meaning also has a mark (underline, ·, ▲, ✗, ▌)
// where it is used, so that a terminal without colour loses nothing.
const (
	inkPlain ink = iota
	inkDim
	inkTitle
	inkTrained   // tokens that carry loss: green and underlined
	inkUntrained // tokens that do not: grey
	inkSpecial   // special tokens of the tokenizer
	inkSpecialTrained
	inkCut // what max_length cuts off
	inkWarn
	inkError
	inkGood
	inkAccent   // what is live or can be acted on
	inkSelected // the selected row of a list
	inkTab      // the open page
	inkKey      // a key to press
	inkBorder
	inkFocus // border of the part that has the keys
	inkCurve
	inkSmooth
	inkEval
	inkEvent
	inkInput
	inkCount
)

// palette is a set of colours for one kind of background.
type palette struct {
	dim, green, yellow, red, blue, violet, orange, border, selectFG, selectBG, strong color.Color
}

// darkPalette and lightPalette keep a contrast of at least 4.5 to their
// background for everything that must be read. The colours are those of the
// fixed part of the 256: naming one takes half the bytes of a free colour, and a
// page is half colours, which a slow line notices.
func darkPalette() palette {
	c := lipgloss.Color
	return palette{dim: c("246"), green: c("114"), yellow: c("221"), red: c("210"), blue: c("75"),
		violet: c("183"), orange: c("215"), border: c("240"), selectFG: c("231"), selectBG: c("24"), strong: c("231")}
}

func lightPalette() palette {
	c := lipgloss.Color
	return palette{dim: c("241"), green: c("22"), yellow: c("94"), red: c("124"), blue: c("25"),
		violet: c("92"), orange: c("130"), border: c("145"), selectFG: c("231"), selectBG: c("25"), strong: c("16")}
}

// theme turns roles into escape sequences. A style is asked once for what it
// writes before and after a text, so that painting a token is a concatenation.
type theme struct {
	dark        bool
	bare        bool // the terminal shows neither colour nor underline, so that what is open needs a mark
	open, close [inkCount]string

	input textinput.Styles
	area  textarea.Styles
	help  help.Styles
}

// newTheme builds the theme for a dark or a light background.
func newTheme(dark bool) *theme {
	p := lightPalette()
	if dark {
		p = darkPalette()
	}
	s := lipgloss.NewStyle
	styles := map[ink]lipgloss.Style{
		inkDim:            s().Foreground(p.dim),
		inkTitle:          s().Bold(true),
		inkTrained:        s().Foreground(p.green).Underline(true),
		inkUntrained:      s().Foreground(p.dim),
		inkSpecial:        s().Foreground(p.violet),
		inkSpecialTrained: s().Foreground(p.violet).Underline(true).Bold(true),
		inkCut:            s().Foreground(p.red).Strikethrough(true),
		inkWarn:           s().Foreground(p.yellow),
		inkError:          s().Foreground(p.red).Bold(true),
		inkGood:           s().Foreground(p.green),
		inkAccent:         s().Foreground(p.blue).Bold(true),
		inkSelected:       s().Foreground(p.selectFG).Background(p.selectBG).Bold(true),
		inkTab:            s().Foreground(p.blue).Bold(true).Underline(true),
		inkKey:            s().Foreground(p.blue).Bold(true),
		inkBorder:         s().Foreground(p.border),
		inkFocus:          s().Foreground(p.blue),
		inkCurve:          s().Foreground(p.dim),
		inkSmooth:         s().Foreground(p.blue).Bold(true), // without colour the weight tells it from the raw curve
		inkEval:           s().Foreground(p.orange).Bold(true),
		inkEvent:          s().Foreground(p.yellow),
		inkInput:          s().Foreground(p.strong).Underline(true),
	}
	t := &theme{dark: dark}
	for i, st := range styles {
		const probe = "x"
		t.open[i], t.close[i], _ = strings.Cut(st.Render(probe), probe)
	}
	typed, hint := styles[inkInput], styles[inkDim]
	// The cursor that they draw is only reversed, which markCursor looks for.
	t.input = textinput.Styles{Focused: textinput.StyleState{Text: typed, Placeholder: hint}}
	t.area = textarea.Styles{Focused: textarea.StyleState{Placeholder: hint, Selection: styles[inkSelected]}}
	t.help = help.Styles{ShortKey: styles[inkKey], Ellipsis: hint}
	return t
}

// paint writes s in a role. Only plain text may be painted: a nested style
// would end the outer one.
func (t *theme) paint(i ink, s string) string {
	if s == "" || t.open[i] == "" {
		return s
	}
	return t.open[i] + s + t.close[i]
}
