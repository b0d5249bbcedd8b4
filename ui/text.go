package ui

import (
	"fmt"
	"strings"
)

// language is what the workbench speaks.
type language int

// The languages. English texts stand in the code where they are shown and are
// the keys of the table of Chinese ones (text_zh.go); a test fails when a text
// has no translation.
const (
	english language = iota
	chinese
)

// parseLanguage reads --lang; anything but Chinese is English.
func parseLanguage(s string) language {
	s = strings.ToLower(s)
	if strings.HasPrefix(s, "zh") || strings.HasPrefix(s, "cn") || s == "chinese" {
		return chinese
	}
	return english
}

// t translates a text.
func (a *app) t(text string) string {
	if a.lang == chinese {
		if zh, ok := chineseTexts[text]; ok {
			return zh
		}
	}
	return text
}

// tf translates a format and fills it in.
func (a *app) tf(format string, args ...any) string {
	return fmt.Sprintf(a.t(format), args...)
}

// plural picks the form for a number and fills it in with thousands separated.
func (a *app) plural(n int, one, many string) string {
	if n == 1 {
		return a.tf(one, count(n))
	}
	return a.tf(many, count(n))
}
