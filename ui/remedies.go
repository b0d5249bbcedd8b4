package ui

import (
	"encoding/json"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"sftui/dataset"
	"sftui/recipes"
)

// remedy is a change of the recipe with which data opens that does not open as
// it is. It has been tried.
type remedy struct {
	edits []edit
	// reads are the columns that it maps, as role and column.
	reads []dataset.ColumnRole
}

// edit is a new value of an option.
type edit struct{ key, value string }

// Names under which data sets have what TRL wants under names of its own.
var (
	questionNames = []string{"prompt", "question", "query", "instruction", "problem", "ask", "input", "user"}
	answerNames   = []string{"completion", "answer", "response", "output", "solution", "reply", "say", "target", "assistant", "chosen"}
	messageNames  = []string{"conversation", "dialog", "dialogue", "chat", "turns", "chosen", "messages"}
	textNames     = []string{"content", "body", "document", "passage", "article", "story", "code", "chosen"}
)

// remedy finds what makes the rows usable: a mapping of columns whose names say
// what they hold, loss on other tokens, or both. nil when nothing does.
func (s *dataSet) remedy(o Options, r *recipes.Recipe) *remedy {
	mappings := append([][]dataset.ColumnRole{nil}, likelyMappings(s.src.Columns())...)
	losses := [][]edit{nil, {{"assistant_only_loss", "false"}}, {{"completion_only_loss", "null"}}, {{"assistant_only_loss", "false"}, {"completion_only_loss", "null"}}}
	for _, reads := range mappings {
		for _, edits := range losses {
			try := remedy{edits: slices.Clone(edits), reads: reads}
			if reads != nil {
				columns := map[string]string{}
				for _, c := range reads {
					if c.Role != c.Column { // that one is read by its name
						columns[c.Role] = c.Column
					}
				}
				if len(columns) == 0 {
					continue
				}
				text, err := json.Marshal(columns)
				if err != nil {
					continue
				}
				try.edits = append([]edit{{"columns", string(text)}}, try.edits...)
			}
			if len(try.edits) > 0 && s.opensWith(o, r, try.edits) {
				return &try
			}
		}
	}
	return nil
}

// likelyMappings are the mappings that the names of columns suggest.
func likelyMappings(columns []string) [][]dataset.ColumnRole {
	find := func(names []string, not string) string {
		for _, name := range names {
			for _, c := range columns {
				if strings.EqualFold(c, name) && c != not {
					return c
				}
			}
		}
		return ""
	}
	var out [][]dataset.ColumnRole
	if question := find(questionNames, ""); question != "" {
		if answer := find(answerNames, question); answer != "" {
			out = append(out, []dataset.ColumnRole{{Role: "prompt", Column: question}, {Role: "completion", Column: answer}})
		}
	}
	if messages := find(messageNames, ""); messages != "" {
		out = append(out, []dataset.ColumnRole{{Role: "messages", Column: messages}})
	}
	if text := find(textNames, ""); text != "" {
		out = append(out, []dataset.ColumnRole{{Role: "text", Column: text}})
	}
	return out
}

// opensWith reports whether the rows can be prepared under a changed recipe.
func (s *dataSet) opensWith(o Options, r *recipes.Recipe, edits []edit) bool {
	changed := r.Clone()
	for _, e := range edits {
		if changed.Set(e.key, e.value, recipes.Origin{Kind: recipes.OriginEdit}) != nil {
			return false
		}
	}
	options := dataset.DefaultOptions()
	if o.DataOptions != nil {
		var err error
		if options, err = o.DataOptions(changed); err != nil {
			return false
		}
	}
	p, err := dataset.NewPreparer(s.src, s.tok, options)
	if err != nil {
		return false
	}
	_, err = p.Row(0)
	return err == nil
}

// text says what a remedy does.
func (m *remedy) text(a *app) string {
	var parts []string
	for _, c := range m.reads {
		if c.Role == c.Column {
			continue
		}
		parts = append(parts, a.tf("read %s as %s", visible(c.Column), c.Role))
	}
	for _, e := range m.edits {
		if e.key != "columns" {
			parts = append(parts, a.tf("set %s to %s", e.key, e.value))
		}
	}
	return strings.Join(parts, ", ")
}

// useRemedy makes the change that opens the data.
func (p *dataPage) useRemedy() tea.Cmd {
	if p.stuck == nil || p.stuck.cure == nil || p.a.recipe.r == nil {
		return p.a.say(inkDim, p.a.t("Nothing here has a one-key fix."))
	}
	m := p.stuck.cure
	text := m.text(p.a)
	return tea.Batch(p.a.recipe.setAll(m.edits), p.a.say(inkGood, p.a.tf("done: %s; u takes it back", text)))
}
