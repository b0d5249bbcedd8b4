package cmd

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"sftui/engine"
	"sftui/engine/run"
	"sftui/findings"
	"sftui/recipes"
	"sftui/setup"
	"sftui/ui"
)

// checkCommand lists what would go wrong, before a run.
func checkCommand() command {
	return command{name: "check", usage: "--recipe FILE [--data PATH] [--model DIR] [--run DIR] [key=value …] [--json] [--no-cache] [--fail-on error|warning|note] [--lang en|zh]",
		summary: "findings over data, template, recipe and model before a run", details: checkDetails, run: runCheck}
}

// checkFlags are the arguments of sftui check.
type checkFlags struct {
	arguments
	lang   recipes.Language
	failOn string
}

// parseCheck reads the arguments.
func parseCheck(args []string) (checkFlags, error) {
	set := flagSet{values: []string{"recipe", "data", "model", "run", "fail-on", "lang"}, switches: []string{"json", "no-cache"}, options: true}
	a, err := set.parse(args)
	f := checkFlags{arguments: a, lang: recipes.English, failOn: "warning"}
	if err == nil {
		err = a.stray("check")
	}
	if err != nil {
		return f, err
	}
	switch v := a.values["fail-on"]; v {
	case "":
	case "error", "warning", "note":
		f.failOn = v
	default:
		return f, fmt.Errorf("--fail-on is error, warning or note, not %q", v)
	}
	switch v := a.values["lang"]; v {
	case "", "en":
	case "zh":
		f.lang = recipes.Chinese
	default:
		return f, fmt.Errorf("--lang is en or zh, not %q", v)
	}
	return f, nil
}

// runCheck prints the findings; the status says how bad the worst is.
func runCheck(ctx context.Context, args []string, s streams) int {
	f, err := parseCheck(args)
	if err != nil {
		fmt.Fprintf(s.err, "sftui check: %v\n", err)
		return exitFailure
	}
	list, total, err := check(ctx, f, s)
	if err != nil {
		fmt.Fprintf(s.err, "sftui check: %v\n", err)
		return exitFailure
	}
	if f.switches["json"] {
		err = encodeJSON(s.out, map[string]any{"findings": findingsToJSON(list)})
	} else {
		err = printFindings(list, total, f.lang, s)
	}
	if err != nil {
		return wrote(err, s)
	}
	return checkStatus(findings.Worst(list), f.failOn)
}

// checkStatus is 2 for errors, 1 for warnings; --fail-on raises or lowers what counts.
func checkStatus(worst recipes.Severity, failOn string) int {
	switch {
	case worst == recipes.SeverityError:
		return exitFailure
	case worst == recipes.SeverityWarning && failOn != "error", worst == recipes.SeverityNote && failOn == "note":
		return exitWarning
	}
	return exitDone
}

// check makes the recipe, opens what it names and looks at it.
func check(ctx context.Context, f checkFlags, s streams) (list []findings.Finding, rows int, err error) {
	if dir := f.values["run"]; dir != "" && f.values["recipe"] == "" {
		f.values["recipe"] = filepath.Join(dir, run.RecipeFile)
	}
	r, err := f.recipe()
	if err != nil {
		return nil, 0, err
	}
	for flag, key := range map[string]string{"data": "dataset_name", "model": "model_name_or_path"} {
		if v := f.values[flag]; v != "" {
			if err := r.Set(key, v, recipes.Origin{Kind: recipes.OriginCommandLine}); err != nil {
				return nil, 0, err
			}
		}
	}
	o := findings.OpenOptions{Language: f.lang, ResolveModel: host(s.err).ResolveModel, Progress: rowsChecked(s)}
	if !f.switches["no-cache"] {
		if cache, err := setup.CacheDir(); err == nil {
			o.CacheDir = filepath.Join(cache, "data")
		}
	}
	in := findings.Open(ctx, r, o)
	defer func() { _ = in.Close() }()
	list, err = findings.Check(ctx, in)
	if err != nil || in.Preparer == nil {
		return list, 0, err
	}
	list = append(list, deviceFindings(ctx, r, f, in, list, s)...)
	if dir := f.values["run"]; dir != "" {
		drifts, err := engine.Drifts(ctx, r, host(s.err), dir)
		if err != nil {
			return nil, 0, fmt.Errorf("--run: %w", err)
		}
		list = append(list, findings.FromDrifts(drifts, f.lang)...)
	}
	return findings.Sorted(list), in.Source.Len(), nil
}

// progressEvery is how often a long check says how far it is.
const progressEvery = 3 * time.Second

// rowsChecked prints plain lines of progress, so that a long first check is not silent.
func rowsChecked(s streams) func(done, total int) {
	var mu sync.Mutex
	last := time.Now()
	return func(done, total int) {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(last) < progressEvery || done >= total {
			return
		}
		last = time.Now()
		fmt.Fprintf(s.err, "checked %d of %d rows\n", done, total)
	}
}

// deviceFindings are what the forecast says of memory and disk, from the
// lengths that the check found. A recipe with errors is not forecast: they come
// first.
func deviceFindings(ctx context.Context, r *recipes.Recipe, f checkFlags, in *findings.Input, found []findings.Finding, s streams) []findings.Finding {
	scanned := in.Scanned()
	if findings.Worst(found) == recipes.SeverityError || scanned == nil {
		return nil
	}
	forecast, err := engine.MakeForecast(ctx, engine.ForecastOptions{Recipe: r, Host: host(s.err), Scanned: scanned}, nil)
	if err != nil {
		message := fmt.Sprintf("The memory could not be forecast: %v", err)
		if f.lang == recipes.Chinese {
			message = fmt.Sprintf("无法预测显存：%v", err)
		}
		return []findings.Finding{{ID: "no-forecast", Severity: recipes.SeverityNote, Message: message}}
	}
	return findings.FromForecast(forecast, f.lang)
}

// workbenchRows is how many rows the workbench checks after each edit; the
// command checks all.
const workbenchRows = 5000

// workbenchCheck is what the workbench's Findings page asks for. A new check
// ends the one before it.
func workbenchCheck(cacheDir string, resolve func(ctx context.Context, name, revision string) (string, error)) func(context.Context, *recipes.Recipe, recipes.Language) ([]ui.Finding, error) {
	var mu sync.Mutex
	end := func() {}
	return func(ctx context.Context, r *recipes.Recipe, lang recipes.Language) ([]ui.Finding, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		mu.Lock()
		end()
		end = cancel
		mu.Unlock()
		in := findings.Open(ctx, r, findings.OpenOptions{Language: lang, CacheDir: cacheDir, MaxRows: workbenchRows, ResolveModel: resolve})
		defer func() { _ = in.Close() }()
		list, err := findings.Check(ctx, in)
		return shown(list), err
	}
}

// findingJSON is one finding of sftui check --json.
type findingJSON struct {
	ID       string            `json:"id"`
	Severity recipes.Severity  `json:"severity"`
	Rows     []int             `json:"rows"`
	RowsOf   string            `json:"rows_of"` // train or eval
	Count    int               `json:"count"`
	Share    float64           `json:"share"`
	Message  string            `json:"message"`
	Fix      map[string]string `json:"fix"`
	Advice   string            `json:"advice,omitempty"` // what to do where no option resolves it
}

func findingsToJSON(list []findings.Finding) []findingJSON {
	out := make([]findingJSON, len(list))
	for i, f := range list {
		out[i] = findingJSON{ID: f.ID, Severity: f.Severity, Rows: f.Rows, Count: f.Count, Share: f.Share, Message: f.Message, RowsOf: "train", Advice: f.Advice}
		if f.OfEval {
			out[i].RowsOf = "eval"
		}
		if out[i].Rows == nil {
			out[i].Rows = []int{}
		}
		if f.Fix.Key != "" {
			out[i].Fix = map[string]string{"key": f.Fix.Key, "value": f.Fix.Value}
		}
	}
	return out
}

// printFindings writes the list for a person.
func printFindings(list []findings.Finding, rows int, lang recipes.Language, s streams) error {
	marks := map[recipes.Severity]string{recipes.SeverityError: "✗", recipes.SeverityWarning: "▲", recipes.SeverityNote: "·"}
	for _, f := range list {
		if _, err := fmt.Fprintf(s.out, "%s %s: %s%s\n%s", marks[f.Severity], f.ID, f.Message, remedyText(f), rowsText(f, lang)); err != nil {
			return err
		}
	}
	last := fmt.Sprintf("findings: %d; rows checked: %d.\n", len(list), rows)
	if lang == recipes.Chinese {
		last = fmt.Sprintf("%d 条发现；已检查 %d 行。\n", len(list), rows)
	}
	_, err := fmt.Fprint(s.err, last)
	return err
}

// rowsNamed is how many rows a line of text names; --json gives a thousand.
const rowsNamed = 12

// rowsText is a line that names a finding's rows, counted from 0 as everywhere;
// "" where there are none or all rows are meant.
func rowsText(f findings.Finding, lang recipes.Language) string {
	if len(f.Rows) == 0 || f.Share >= 1 {
		return ""
	}
	var b strings.Builder
	for i, row := range f.Rows {
		if i == rowsNamed {
			b.WriteString(", …")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprint(&b, row)
	}
	switch {
	case lang == recipes.Chinese && f.OfEval:
		return "    评估数据的行：" + b.String() + "\n"
	case lang == recipes.Chinese:
		return "    行：" + b.String() + "\n"
	case f.OfEval:
		return "    evaluation rows " + b.String() + "\n"
	}
	return "    rows " + b.String() + "\n"
}

// remedyText shows what resolves a finding: the override that does, or words.
func remedyText(f findings.Finding) string {
	if f.Fix.Key == "" && f.Advice != "" {
		return "  [" + f.Advice + "]"
	}
	return fixText(recipes.Fix(f.Fix))
}
