package findings

import (
	"fmt"
	"sort"
	"strings"

	"sftui/engine"
	"sftui/recipes"
)

// FromForecast turns a forecast of memory and disk into findings: the batch that
// will not fit, with its rows, and the checkpoints that will not.
func FromForecast(f *engine.Forecast, l recipes.Language) []Finding {
	in := &Input{Language: l}
	var list []Finding
	if !f.Fits {
		fix, text := remedy(f)
		message := format(in.say("The heaviest micro-batch (%d tokens, rows %s) needs %s, but the device has %s.",
			"最重的微批（%d 个词元，第 %s 行）需要 %s，而设备只有 %s。"), f.Worst.Tokens, rowList(f.Worst.Rows), engine.Bytes(f.TotalBytes), engine.Bytes(f.LimitBytes))
		if text != "" {
			message += in.say(" With "+text+" it fits.", "设置 "+text+" 即可放下。")
		}
		list = append(list, Finding{ID: "memory", Severity: recipes.SeverityError, Count: len(f.Worst.Rows), Rows: f.Worst.Rows, Message: message, Fix: fix})
	} else if f.LimitBytes > 0 && f.TotalBytes > f.LimitBytes*9/10 {
		list = append(list, Finding{ID: "memory-tight", Severity: recipes.SeverityWarning, Count: len(f.Worst.Rows), Rows: f.Worst.Rows,
			Message: format(in.say("The heaviest micro-batch (rows %s) needs %s of the device's %s, which leaves less than a tenth.",
				"最重的微批（第 %s 行）需要 %s，设备共 %s，余量不足一成。"), rowList(f.Worst.Rows), engine.Bytes(f.TotalBytes), engine.Bytes(f.LimitBytes))})
	}
	if f.Fits && f.LimitBytes > 0 && f.EvalBytes > f.LimitBytes {
		list = append(list, Finding{ID: "eval-memory", Severity: recipes.SeverityError, Fix: Fix{"per_device_eval_batch_size", "1"},
			Message: format(in.say("Training fits, but the heaviest evaluation batch (%s positions) needs %s, more than the device's %s.",
				"训练放得下，但最重的评估批（%s 个位置）需要 %s，超过设备的 %s。"), f.EvalShape, engine.Bytes(f.EvalBytes), engine.Bytes(f.LimitBytes))})
	}
	if f.FreeDiskBytes > 0 && f.DiskBytes > f.FreeDiskBytes {
		list = append(list, Finding{ID: "disk", Severity: recipes.SeverityError, Fix: Fix{"save_total_limit", "1"},
			Message: format(in.say("Checkpoints and the finished model need %s, but the disk has %s free.",
				"检查点与最终模型需要 %s，而磁盘仅剩 %s。"), engine.Bytes(f.DiskBytes), engine.Bytes(f.FreeDiskBytes))})
	}
	return list
}

// remedy picks the first of the forecast's remedies with which the run fits. A
// remedy of several options is told in words, since a fix is one change.
func remedy(f *engine.Forecast) (Fix, string) {
	for _, r := range f.Remedies {
		if r.TotalBytes > f.LimitBytes {
			continue
		}
		var parts []string
		for key, value := range r.Set {
			parts = append(parts, key+"="+value)
		}
		sort.Strings(parts)
		if len(parts) == 1 {
			key, value, _ := strings.Cut(parts[0], "=")
			return Fix{key, value}, parts[0]
		}
		return Fix{}, strings.Join(parts, " ")
	}
	return Fix{}, ""
}

// rowList names a few rows.
func rowList(rows []int) string {
	const limit = 8
	var parts []string
	for i, r := range rows {
		if i == limit {
			parts = append(parts, "…")
			break
		}
		parts = append(parts, fmt.Sprint(r))
	}
	return strings.Join(parts, ", ")
}
