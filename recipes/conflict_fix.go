package recipes

import (
	"maps"
	"slices"
)

// edited writes a mapping with some entries set and others left out, as the
// value of a fix that keeps the rest; "null" when nothing is left.
func edited(o Object, set Object, drop ...string) string {
	out := Object{}
	maps.Copy(out, o)
	for _, k := range drop {
		delete(out, k)
	}
	maps.Copy(out, set)
	if len(out) == 0 {
		return "null"
	}
	n := objectNode(out)
	text := encodeNode(n, true)
	return text[:len(text)-1]
}

// unset is the value of a mapping without one of its entries.
func unset(o Object, key string) string { return edited(o, nil, key) }

// only is the value of a mapping without the entries that are not named.
func only(o Object, keys ...string) string {
	var drop []string
	for k := range o {
		if !slices.Contains(keys, k) {
			drop = append(drop, k)
		}
	}
	return edited(o, nil, drop...)
}
