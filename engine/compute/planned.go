package compute

import (
	"cmp"
	"slices"
)

// Program is a compiled program and what XLA says it needs, in bytes.
type Program struct {
	Name      string  `json:"name"`
	Seconds   float64 `json:"seconds"`         // to build and compile
	Temporary int64   `json:"temporary_bytes"` // while it runs, beside inputs and outputs
	Inputs    int64   `json:"input_bytes"`
	Outputs   int64   `json:"output_bytes"`
	Aliases   int64   `json:"alias_bytes"` // of the outputs, those that take an input's place
	Code      int64   `json:"code_bytes"`
}

// Programs lists what the session has compiled, by name.
func (s *Session) Programs() []Program {
	var list []Program
	s.programs.each(func(_ string, p *program) {
		list = append(list, Program{
			Name: p.name, Seconds: p.seconds, Temporary: p.temporary, Inputs: p.inputs, Outputs: p.outputs, Aliases: p.aliases, Code: p.code,
		})
	})
	slices.SortFunc(list, func(a, b Program) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// PrepareStep compiles what an optimizer step runs beside the passes of its micro-batches; accumulates says that there are
// several of them.
func (s *Session) PrepareStep(accumulates bool) error {
	scalars := 2 + len(s.rule.scalars(1, 0))
	for _, group := range s.groups {
		if _, err := s.squaresProgram(group); err != nil {
			return err
		}
		if _, err := s.updateProgram(group, scalars); err != nil {
			return err
		}
		// The outer weights' gradients are added up by the programs that make them, but for the norm's.
		if accumulates && group[0] != s.embed && group[0] != s.head {
			if _, err := s.addProgram(group); err != nil {
				return err
			}
		}
	}
	_, err := s.joinProgram()
	return err
}
