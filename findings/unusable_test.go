package findings

import "testing"

// TestMapping: data of a usual make gets the map of columns with which it can
// be used; where a map would lose a part, or the recipe has one, nothing is proposed.
func TestMapping(t *testing.T) {
	good := makeModel(t, chatTemplate, nil)
	for row, want := range map[string]string{
		`{"question": "say a", "answer": "b", "topic": "c"}`:    "prompt:question,completion:answer",
		`{"prompt": "say a", "chosen": "b", "rejected": "c"}`:   "prompt:prompt,completion:chosen",
		`{"Instruction": "say a", "Response": "b"}`:             "prompt:Instruction,completion:Response",
		`{"instruction": "say", "input": "a", "output": "b"}`:   "",
		`{"question": "say a", "options": ["b"], "correct": 1}`: "",
		`{"question": {"text": "say a"}, "answer": 7}`:          "",
	} {
		f := find(checkRows(t, good, []string{row, row}), "data-unusable")
		if f == nil || f.Fix.Value != want {
			t.Errorf("%s: %+v, want %q", row, f, want)
		}
	}
	if f := find(checkRows(t, good, []string{`{"question": "a", "answer": "b"}`}, "columns=prompt:q"), "data-unusable"); f == nil || f.Fix.Key != "" {
		t.Errorf("over a map of the recipe's own: %+v", f)
	}
}
