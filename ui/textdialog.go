package ui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"sftui/recipes"
)

// textDialog edits an option whose value has several lines: a chat template, a
// system prompt.
type textDialog struct {
	key string
	in  *editor
	err error
}

// longText reports whether an option is edited as a text of several lines.
func longText(f recipes.Field, value string) bool {
	return strings.Contains(value, "\n") || f.Key == "chat_template" || f.Key == "system_prompt"
}

func (d *textDialog) scroll(int) {}

// pasted takes a text with its lines.
func (d *textDialog) pasted(s string) tea.Cmd { //nolint:unparam // the template dialog tries the text out, and both are called alike
	d.in.insert(strings.ReplaceAll(s, "\r\n", "\n"))
	return nil
}

func (d *textDialog) press(a *app, k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "esc":
		a.pop()
	case "ctrl+s":
		text := d.in.String()
		if text == "" {
			text = "null"
		}
		if d.err = a.recipe.r.Clone().Set(d.key, text, recipes.Origin{Kind: recipes.OriginEdit}); d.err != nil {
			return nil
		}
		a.pop()
		return a.recipe.set(d.key, text)
	default:
		d.in.press(k)
		d.err = nil
	}
	return nil
}

func (d *textDialog) view(a *app, w, h int) []string {
	th := a.th
	bw, bh := min(w-2, 110), h-2
	lines := pad(d.in.view(th, bw-4, bh-5))
	problem := ""
	if d.err != nil {
		problem = " " + th.paint(inkError, fit("✗ "+visible(d.err.Error()), bw-4))
	}
	lines = append(lines, problem, "", " "+th.paint(inkKey, "ctrl+s")+" "+a.t("take it")+"   "+th.paint(inkKey, "esc")+" "+a.t("back")+"   "+th.paint(inkDim, a.t("empty: null")))
	return th.pane(d.key, lines, bw, bh, true)
}
