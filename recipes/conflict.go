package recipes

import (
	"fmt"
	"strings"
)

// Severity says how bad a conflict is.
type Severity string

// The severities.
const (
	SeverityError   Severity = "error"   // TRL, transformers, PEFT or sftui would refuse it, or train garbage
	SeverityWarning Severity = "warning" // probably not what was meant
	SeverityNote    Severity = "note"    // worth knowing
)

// Fix is one change that resolves a conflict; Key is empty when there is none.
type Fix struct{ Key, Value string }

// Conflict is a combination of options that cannot work or does not do what it says.
type Conflict struct {
	ID       string
	Severity Severity
	Keys     []string // options involved, the one to look at first
	Message  string   // one English sentence
	Chinese  string   // the same in Chinese
	Fix      Fix
}

// In returns the message in a language.
func (c Conflict) In(l Language) string {
	if l == Chinese {
		return c.Chinese
	}
	return c.Message
}

// rule finds one kind of conflict. check returns nil where there is none.
type rule struct {
	id       string
	severity Severity
	keys     string // separated by blanks
	check    func(r *Recipe) *clash
}

// clash is a rule's finding in words, with what resolves it.
type clash struct {
	english, chinese string
	fix              Fix
}

// say makes a clash; an empty key means that no single change resolves it.
func say(english, chinese, fixKey, fixValue string) *clash {
	return &clash{english: english, chinese: chinese, fix: Fix{Key: fixKey, Value: fixValue}}
}

// when is say behind a condition.
func when(hit bool, english, chinese, fixKey, fixValue string) *clash {
	if !hit {
		return nil
	}
	return say(english, chinese, fixKey, fixValue)
}

// Conflicts returns what is wrong with the combination of options, errors first.
// It looks at the recipe alone: no file is opened.
func (r *Recipe) Conflicts() []Conflict {
	var all []Conflict
	for _, rules := range [][]rule{dataRules(), lossRules(), memoryRules(), precisionRules(), adapterRules(), scheduleRules(), schedulerKwargsRules(), stepRules(), evalRules(), trackingRules(), launchRules(), shardRules(), ourRules()} {
		for _, u := range rules {
			if c := u.check(r); c != nil {
				all = append(all, Conflict{ID: u.id, Severity: u.severity, Keys: strings.Fields(u.keys),
					Message: c.english, Chinese: c.chinese, Fix: c.fix})
			}
		}
	}
	all = append(all, r.unsupported()...)
	var out []Conflict
	for _, s := range []Severity{SeverityError, SeverityWarning, SeverityNote} {
		for _, c := range all {
			if c.Severity == s {
				out = append(out, c)
			}
		}
	}
	return out
}

// unsupported lists options that were set to something sftui cannot do.
func (r *Recipe) unsupported() []Conflict {
	c, err := loadCatalogue()
	if err != nil {
		return nil
	}
	defaults := Default()
	var out []Conflict
	for _, o := range optionTable().options {
		status := c.status[o.key]
		value, def := o.display(o.field(r)), o.display(o.field(defaults))
		if status.State != Unsupported || o.key == "dataset_mixture" || !r.IsSet(o.key) || value == def || value == "false" || value == "null" {
			continue
		}
		out = append(out, Conflict{ID: "not-supported", Severity: SeverityWarning, Keys: []string{o.key},
			Message: fmt.Sprintf("%s: %s has no effect in sftui: %s", o.key, shorten(value), status.English),
			Chinese: fmt.Sprintf("%s: %s 在 sftui 中不起作用：%s", o.key, shorten(value), status.Chinese),
			Fix:     Fix{Key: o.key, Value: def}})
	}
	return out
}

// Arithmetic is the format of matrix products that the recipe asks for,
// "bfloat16" or "float32", or "" where it leaves bf16 and fp16 open: then it is
// bfloat16 on a GPU, as in TRL, and float32 on a CPU, where TRL stops at bf16
// unless use_cpu is on and processors without native bfloat16 are many times
// slower with it.
func (r *Recipe) Arithmetic() string {
	switch {
	case r.Bf16 != nil && *r.Bf16 || r.Dtype == "bfloat16":
		return "bfloat16"
	case r.Bf16 != nil || r.Fp16:
		return "float32"
	}
	return ""
}

// ComputesBf16 reports whether matrix products are in bfloat16 on the device
// that the recipe names; auto counts as a GPU.
func (r *Recipe) ComputesBf16() bool {
	format := r.Arithmetic()
	return format == "bfloat16" || format == "" && !r.onCPU()
}

// Checkpointing reports whether activations are recomputed: the newer name
// activation_checkpointing wins over gradient_checkpointing where it is set.
func (r *Recipe) Checkpointing() bool {
	if r.ActivationCheckpointing != nil {
		return *r.ActivationCheckpointing
	}
	return r.GradientCheckpointing
}

// CheckpointingKwargs returns the settings of the checkpointing that is in force.
func (r *Recipe) CheckpointingKwargs() Object {
	if r.ActivationCheckpointingKwargs != nil {
		return r.ActivationCheckpointingKwargs
	}
	return r.GradientCheckpointingKwargs
}

// EvalPacks reports whether evaluation data is packed: as training is, unless said otherwise.
func (r *Recipe) EvalPacks() bool {
	if r.EvalPacking != nil {
		return *r.EvalPacking
	}
	return r.Packing
}

// EvalEvery returns the steps between evaluations; a value below 1 is a share of
// all steps. transformers falls back to logging_steps.
func (r *Recipe) EvalEvery() float64 {
	if r.EvalSteps != nil && *r.EvalSteps != 0 {
		return *r.EvalSteps
	}
	return r.LoggingSteps
}

// HasEvalData reports whether the recipe names rows to evaluate on without
// looking into the data set: a set of its own, a share held out, or a mixture's test split.
func (r *Recipe) HasEvalData() bool {
	return r.EvalDatasetName != "" || r.EvalHoldout > 0 ||
		r.DatasetMixture != nil && r.DatasetMixture.TestSplitSize != nil
}
