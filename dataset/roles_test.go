package dataset

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// rolesOf are the role and message of each stretch of a row's tokens that is a
// message's own.
func rolesOf(t *testing.T, template string, rows ...string) []string {
	t.Helper()
	o := DefaultOptions()
	if template != "" {
		o.ChatTemplate = template
	}
	p, err := NewPreparer(jsonRows(t, rows...), smallTokenizer(t), o)
	if err != nil {
		t.Fatal(err)
	}
	v, err := p.View(0)
	if err != nil {
		t.Fatal(err)
	}
	var parts []string
	for _, span := range v.Roles {
		if span.Role != "" {
			parts = append(parts, fmt.Sprintf("%s/%d", span.Role, span.Message))
		}
	}
	return parts
}

// A row among rows of another shape has their columns too, without values; its
// messages keep their roles.
func TestRolesInMixedData(t *testing.T) {
	got := rolesOf(t, "", `{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}`, `{"prompt":"x","completion":"y"}`)
	if want := []string{"user/0", "assistant/1"}; !slices.Equal(got, want) {
		t.Errorf("roles %v, want %v", got, want)
	}
}

// A long chat whose messages say the same again and again has every role, also
// those after the ones that are rendered one by one.
func TestRolesOfALongChat(t *testing.T) {
	const turns = maxRoleRenders
	var messages, want []string
	for i := range turns {
		messages = append(messages, `{"role":"user","content":"x"},{"role":"assistant","content":"y"}`)
		want = append(want, fmt.Sprintf("user/%d", 2*i), fmt.Sprintf("assistant/%d", 2*i+1))
	}
	if got := rolesOf(t, "", `{"messages":[`+strings.Join(messages, ",")+`]}`); !slices.Equal(got, want) {
		t.Errorf("%d messages with roles of %d:\n%v", len(got), len(want), got)
	}
}

// A template that writes the last message otherwise keeps the roles of all.
func TestRolesWhereABeginningIsWrittenOtherwise(t *testing.T) {
	const template = `{% for m in messages %}<|im_start|>{{ m.role }}
{% if loop.last %}last: {% endif %}{{ m.content }}<|im_end|>
{% endfor %}`
	got := rolesOf(t, template, `{"messages":[{"role":"user","content":"x"},{"role":"assistant","content":"y"},{"role":"user","content":"x"},{"role":"assistant","content":"y"}]}`)
	if want := []string{"user/0", "assistant/1", "user/2", "assistant/3"}; !slices.Equal(got, want) {
		t.Errorf("roles %v, want %v", got, want)
	}
}
