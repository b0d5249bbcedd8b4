package dataset

import (
	"fmt"
	"slices"
	"strings"

	"sftui/dataset/jinja"
)

// mapColumns renames columns to the roles that a person gave them. When the
// mapping alone makes a trainable shape, columns that would make another one
// are left out. The row given is not changed.
func mapColumns(row Row, o Options) Row {
	if len(o.Columns) == 0 {
		return row
	}
	columns := make(map[string]string, len(o.Columns))
	roles := make(map[string][]string, len(o.Columns)) // column -> roles
	for role, column := range o.Columns {
		if role == "text" {
			role = o.TextField
		}
		columns[role] = column
		roles[column] = append(roles[column], role)
	}
	complete := mapsWholeShape(o.Columns)
	out := jinja.NewDict(row.Len())
	for _, key := range row.Keys() {
		value, _ := row.Get(key)
		if played, ok := roles[key]; ok {
			slices.Sort(played)
			for _, role := range played {
				out.Set(role, value)
			}
			continue
		}
		if _, taken := columns[key]; taken || complete && isShapeColumn(key) {
			continue
		}
		out.Set(key, value)
	}
	return out
}

// mapsWholeShape says whether a mapping names everything that a shape needs.
func mapsWholeShape(columns map[string]string) bool {
	given := func(role string) bool { return columns[role] != "" }
	return given("messages") || given("conversations") || given("text") || given("input_ids") ||
		given("prompt") && given("completion")
}

// isShapeColumn says whether a column's name decides the shape.
func isShapeColumn(name string) bool {
	switch name {
	case "messages", "conversations", "prompt", "completion", "text", "chosen", "rejected", "input_ids":
		return true
	}
	return false
}

// sourceColumn is the column that plays a role under a mapping.
func sourceColumn(role string, o Options) string {
	if column := o.Columns[role]; column != "" {
		return column
	}
	if role == o.TextField && o.Columns["text"] != "" {
		return o.Columns["text"]
	}
	return role
}

// checkMapping refuses a mapping of unknown roles or of columns that are not there.
func checkMapping(o Options, available []string) error {
	for _, role := range sortedKeys(o.Columns) {
		if !slices.Contains(columnRoles, role) {
			return fmt.Errorf("columns: %q is no role: it must be one of %s", role, strings.Join(columnRoles, ", "))
		}
		if column := o.Columns[role]; !slices.Contains(available, column) {
			return fmt.Errorf("columns: %s is mapped to the column %q, but the data has %s", role, column, strings.Join(available, ", "))
		}
	}
	return nil
}

// conversationKeys are the columns by which TRL tells a conversational row, in
// the order in which sftui asks them (TRL asks one of them by chance).
var conversationKeys = []string{"prompt", "messages", "completion", "chosen", "rejected"}

// isConversational says whether the first of the conversation columns that
// has a value is a list of messages with roles.
func isConversational(row Row) bool {
	for _, key := range conversationKeys {
		if has(row, key) {
			return isRoleContent(row, key)
		}
	}
	return false
}

// isRoleContent says whether a column is a list whose first entry has a role.
func isRoleContent(row Row, key string) bool {
	first := firstMessage(row, key)
	_, ok := first.Get("role")
	return ok
}

// isFromValue says whether the column conversations is a list whose first
// entry has from and value.
func isFromValue(row Row) bool {
	first := firstMessage(row, "conversations")
	_, from := first.Get("from")
	_, value := first.Get("value")
	return from && value
}

// firstMessage is the first entry of a list column, nil when that is no object.
func firstMessage(row Row, key string) Row {
	value, _ := row.Get(key)
	list, ok := value.([]any)
	if !ok || len(list) == 0 {
		return nil
	}
	first, _ := list[0].(Row)
	return first
}

// convertFromValue renames from and value to role and content in every list
// of messages, and the column conversations to messages. The row given is not changed.
func convertFromValue(row Row) Row {
	out := jinja.NewDict(row.Len())
	for _, key := range row.Keys() {
		value, _ := row.Get(key)
		switch key {
		case "prompt", "completion", "chosen", "rejected", "messages", "conversations":
			if list, ok := value.([]any); ok {
				value = renamed(list)
			}
		}
		if key != "conversations" {
			out.Set(key, value)
		}
	}
	if value, ok := row.Get("conversations"); ok {
		if list, ok := value.([]any); ok {
			value = renamed(list)
		}
		out.Delete("messages")
		out.Set("messages", value)
	}
	return out
}

// renamed is a list of messages with from and value renamed; renamed keys go
// last, as they do in TRL.
func renamed(list []any) []any {
	out := make([]any, len(list))
	for i, entry := range list {
		message, ok := entry.(Row)
		if !ok {
			out[i] = entry
			continue
		}
		message = message.Clone()
		for _, names := range [][2]string{{"from", "role"}, {"value", "content"}} {
			if value, ok := message.Get(names[0]); ok {
				message.Delete(names[0])
				message.Set(names[1], value)
			}
		}
		out[i] = message
	}
	return out
}

// stringColumn is the string under key, or an error that says what is there.
func stringColumn(row Row, key string) (string, error) {
	value, ok := row.Get(key)
	if text, isText := value.(string); isText {
		return text, nil
	}
	if !ok {
		return "", fmt.Errorf("the row has no %s (found %s): give it one, or remove the row", key, strings.Join(row.Keys(), ", "))
	}
	return "", fmt.Errorf("%s is %s, but it must be a string: correct the row, or remove it", key, valueKind(value))
}

// messageColumn is the list of messages under key, or an error that says what
// is there. An empty list is allowed where empty says so.
func messageColumn(row Row, key string, empty bool) ([]any, error) {
	value, ok := row.Get(key)
	if !ok {
		return nil, fmt.Errorf("the row has no %s (found %s): give it one, or remove the row", key, strings.Join(row.Keys(), ", "))
	}
	list, isList := value.([]any)
	switch {
	case !isList:
		return nil, fmt.Errorf("%s is %s, but the first row's is a list of messages: correct the row, or remove it", key, valueKind(value))
	case len(list) == 0 && !empty:
		return nil, fmt.Errorf("%s is an empty list: give it at least one message, or remove the row", key)
	}
	for i, entry := range list {
		if _, ok := entry.(Row); !ok {
			return nil, fmt.Errorf("%s[%d] is %s, but a message must be an object with role and content", key, i, valueKind(entry))
		}
	}
	if len(list) > 0 {
		if first := list[0].(Row); !has(first, "role") {
			return nil, fmt.Errorf("%s[0] has no role (found %s): a message must have role and content", key, strings.Join(first.Keys(), ", "))
		}
	}
	return list, nil
}
