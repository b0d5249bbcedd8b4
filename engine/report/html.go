package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page's parts
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"time"

	"sftui/engine/run"
)

//go:embed page/report.html
var pageSource string

//go:embed page/report.css
var pageStyle string

//go:embed page/report.js
var pageScript string

// pageData is what the page's template is filled with.
type pageData struct {
	Title     string
	Policy    string
	Style     template.CSS
	Script    template.JS
	Made      string
	Runs      []runView
	Different *differences // nil where fewer than two runs have a recipe, or none differ
	Data      chartData
}

// chartData is what the page's script draws, as JSON.
type chartData struct {
	Runs []runData `json:"runs"`
}

type runData struct {
	Name   string            `json:"name"`
	Curves map[string]*curve `json:"curves"`
	Marks  []mark            `json:"marks"`
}

// runView is what the page says of a run in words.
type runView struct {
	Name        string
	Number      int // from 0, which picks its colour
	Foreign     bool
	Facts       []fact
	Checkpoints []checkpointView
	Samples     []sample
	SamplesLeft int
	MarksLeft   int
	Marks       []mark
	Recipe      string
}

type fact struct{ Name, Value string }

type checkpointView struct {
	Step    int
	Path    string
	Best    bool
	Present bool
}

// WriteHTML writes one page about the runs, laid over each other: plots,
// events, recipes, checkpoints and samples. It loads nothing from anywhere, and its own policy forbids it to.
func WriteHTML(w io.Writer, runs []*Run, now time.Time) error {
	d := pageData{Title: "sftui report", Made: now.Format("2006-01-02 15:04"), Style: template.CSS(pageStyle), Script: template.JS(pageScript)}
	digest := sha256.Sum256([]byte(pageScript))
	// The page holds texts of data sets and models: only its own script may run.
	d.Policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-" + base64.StdEncoding.EncodeToString(digest[:]) + "'; base-uri 'none'; form-action 'none'"
	names := distinctNames(runs)
	for i, r := range runs {
		c, err := collect(r, names[i])
		if err != nil {
			return err
		}
		d.Runs = append(d.Runs, c.view(i))
		marks := c.marks
		if marks == nil {
			marks = []mark{}
		}
		d.Data.Runs = append(d.Data.Runs, runData{Name: c.name, Curves: c.drawn(), Marks: marks})
	}
	d.Different = recipeDifferences(d.Runs)
	if len(runs) == 1 {
		d.Title = names[0] + " – sftui report"
	}
	page, err := template.New("report").Parse(pageSource)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	var out bytes.Buffer
	if err := page.Execute(&out, d); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if _, err := w.Write(out.Bytes()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// colours is how many colours the page has for runs.
const colours = 8

// view is what the page says of the run in words.
func (c *collected) view(number int) runView {
	v := runView{Name: c.name, Number: number % colours, Foreign: c.run.Foreign, Recipe: c.run.Recipe, Samples: c.samples,
		SamplesLeft: c.samplesLeft, Marks: c.marks, MarksLeft: c.marksLeft, Facts: c.facts()}
	for _, e := range c.checkpoints {
		v.Checkpoints = append(v.Checkpoints, checkpointView{Step: e.Step, Path: e.Path, Best: e.Best || e.Step == c.status.BestStep && c.status.BestStep > 0, Present: c.present[e.Step]})
	}
	return v
}

// facts are the run's figures, those that are known.
func (c *collected) facts() []fact {
	s := c.status
	var out []fact
	add := func(name, value string) {
		if value != "" {
			out = append(out, fact{name, value})
		}
	}
	add("state", string(c.state))
	add("model", s.Model)
	add("data", s.Data)
	add("device", s.Device)
	if c.parameters > 0 {
		add("parameters", fmt.Sprintf("%s, %s trained", grouped(c.parameters), grouped(c.trainable)))
	}
	steps := grouped(int64(s.Step))
	if s.TotalSteps > 0 {
		steps += " of " + grouped(int64(s.TotalSteps))
	}
	add("steps", steps)
	if s.MicroBatch > 0 && s.Accumulation > 0 {
		add("batch", fmt.Sprintf("%d × %d accumulated", s.MicroBatch, s.Accumulation))
	} else if s.MicroBatch > 0 {
		add("batch", strconv.Itoa(s.MicroBatch))
	}
	add("last loss", c.loss("loss", s.Loss))
	add("lowest loss", c.loss("loss", s.BestLoss))
	add("last eval loss", c.loss("eval_loss", s.EvalLoss))
	add("best eval loss", c.best())
	if s.TrainedTokens > 0 {
		add("trained tokens", grouped(s.TrainedTokens))
	}
	if s.TrainSeconds > 0 {
		add("time in steps", duration(s.TrainSeconds))
		add("trained tokens/s", fmt.Sprintf("%.1f", float64(s.TrainedTokens)/s.TrainSeconds))
	}
	if s.MemoryPeak > 0 {
		add("memory peak", fmt.Sprintf("%.2f GiB", float64(s.MemoryPeak)/bytesPerGiB))
	}
	if !c.first.IsZero() {
		add("from", c.first.Local().Format(time.DateTime))
		add("to", c.last.Local().Format(time.DateTime))
	}
	return out
}

// loss writes a loss, where the run has any of the curve.
func (c *collected) loss(curve string, n run.Number) string {
	if c.curves[curve] == nil {
		return ""
	}
	return fmt.Sprintf("%.4f", float64(n))
}

func (c *collected) best() string {
	if c.curves["eval_loss"] == nil || c.status.BestStep == 0 {
		return ""
	}
	return fmt.Sprintf("%.4f at step %s", float64(c.status.BestEval), grouped(int64(c.status.BestStep)))
}

// grouped writes a number with a thin space between groups of three digits.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	var out []byte
	for i, c := range []byte(s) {
		if left := len(s) - i; i > 0 && left%3 == 0 && s[i-1] != '-' {
			out = append(out, "\u2009"...)
		}
		out = append(out, c)
	}
	return string(out)
}

func duration(seconds float64) string {
	return time.Duration(seconds * float64(time.Second)).Round(time.Second).String()
}
