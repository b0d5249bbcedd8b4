package sample

import (
	"bufio"
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// Every answer keeps the form that the fine-tuned model is meant to learn.
func TestAnswersKeepTheirForm(t *testing.T) {
	asked := map[string]bool{}
	for _, name := range []string{Name, EvalName} {
		scanner := bufio.NewScanner(bytes.NewReader(Files()[name]))
		scanner.Buffer(nil, 1<<20)
		rows := 0
		for scanner.Scan() {
			var row struct {
				Messages []struct{ Role, Content string }
			}
			if err := json.Unmarshal(scanner.Bytes(), &row); err != nil {
				t.Fatalf("%s row %d: %v", name, rows, err)
			}
			for _, m := range row.Messages {
				switch m.Role {
				case "assistant":
					lines := strings.Split(m.Content, "\n")
					if len(lines) != 3 || !strings.HasPrefix(lines[0], "$ ") ||
						!strings.HasPrefix(lines[1], "What it does: ") || !strings.HasPrefix(lines[2], "Undo: ") {
						t.Errorf("%s row %d: answer %q is not in the form", name, rows, m.Content)
					}
				case "user":
					if name == EvalName && asked[m.Content] {
						t.Errorf("held-out question %q is also trained on", m.Content)
					}
					asked[m.Content] = true
				}
			}
			rows++
		}
		if scanner.Err() != nil || rows == 0 {
			t.Fatalf("%s: %d rows, %v", name, rows, scanner.Err())
		}
	}
}
