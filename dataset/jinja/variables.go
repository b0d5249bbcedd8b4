package jinja

// Variables returns the names that the template expects from its caller, in
// the order in which it first mentions them; the globals are not among them.
func (t *Template) Variables() []string {
	var names []string
	for _, name := range t.names {
		if _, global := globalNamed(name); !global {
			names = append(names, name)
		}
	}
	return names
}
