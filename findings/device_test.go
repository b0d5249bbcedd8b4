package findings

import (
	"strings"
	"testing"

	"sftui/engine"
	"sftui/recipes"
)

func TestFromForecast(t *testing.T) {
	const gb = 1 << 30
	worst := engine.Worst{Rows: []int{7, 3}, Tokens: 9000}
	one := engine.Remedy{Set: map[string]string{"use_peft": "true"}, TotalBytes: 5 * gb}
	two := engine.Remedy{Set: map[string]string{"per_device_train_batch_size": "1", "gradient_accumulation_steps": "8"}, TotalBytes: 6 * gb}
	tests := []struct {
		name string
		f    engine.Forecast
		id   string
		fix  Fix
		says string
	}{
		{"fits", engine.Forecast{Fits: true, TotalBytes: gb, LimitBytes: 8 * gb, DiskBytes: 1, FreeDiskBytes: 2}, "", Fix{}, ""},
		{"unknown limits", engine.Forecast{Fits: true, TotalBytes: gb}, "", Fix{}, ""},
		{"one change", engine.Forecast{TotalBytes: 9 * gb, LimitBytes: 8 * gb, Worst: worst, Remedies: []engine.Remedy{one}}, "memory", Fix{"use_peft", "true"}, "rows 7, 3"},
		{"two changes", engine.Forecast{TotalBytes: 9 * gb, LimitBytes: 8 * gb, Worst: worst, Remedies: []engine.Remedy{two}}, "memory", Fix{}, "gradient_accumulation_steps=8"},
		{"no remedy", engine.Forecast{TotalBytes: 9 * gb, LimitBytes: gb, Worst: worst, Remedies: []engine.Remedy{one}}, "memory", Fix{}, "needs"},
		{"tight", engine.Forecast{Fits: true, TotalBytes: 79 * gb / 10, LimitBytes: 8 * gb, Worst: worst}, "memory-tight", Fix{}, "less than a tenth"},
		{"evaluation", engine.Forecast{Fits: true, TotalBytes: gb, LimitBytes: 8 * gb, EvalBytes: 9 * gb, EvalShape: "8×4096"}, "eval-memory", Fix{"per_device_eval_batch_size", "1"}, "8×4096"},
		{"evaluation fits", engine.Forecast{Fits: true, TotalBytes: gb, LimitBytes: 8 * gb, EvalBytes: 7 * gb}, "", Fix{}, ""},
		{"disk", engine.Forecast{Fits: true, DiskBytes: 3 * gb, FreeDiskBytes: gb}, "disk", Fix{"save_total_limit", "1"}, "free"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			list := FromForecast(&tt.f, recipes.English)
			if tt.id == "" {
				if len(list) > 0 {
					t.Fatalf("false alarm %+v", list)
				}
				return
			}
			if len(list) != 1 || list[0].ID != tt.id || list[0].Fix != tt.fix || !strings.Contains(list[0].Message, tt.says) {
				t.Errorf("%+v", list)
			}
			if zh := FromForecast(&tt.f, recipes.Chinese); zh[0].Message == list[0].Message || strings.Contains(zh[0].Message, "%!") {
				t.Errorf("Chinese: %s", zh[0].Message)
			}
		})
	}
}
