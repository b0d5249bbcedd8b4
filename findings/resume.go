package findings

import (
	"sftui/engine"
	"sftui/recipes"
)

// FromDrifts turns what changed since a checkpoint into findings: resuming from it would be refused.
func FromDrifts(list []engine.Drift, l recipes.Language) []Finding {
	in := &Input{Language: l}
	out := make([]Finding, len(list))
	for i, d := range list {
		out[i] = Finding{ID: "resume-" + d.What + "-changed", Severity: recipes.SeverityError,
			Message: format(in.say("The run cannot be resumed: %v.", "该运行无法继续：%v。"), d.Why),
			Advice: map[string]string{
				"data":   in.say("put the rows back as they were, or start a new run from the checkpoint with --from", "把数据恢复原样，或用 --from 从检查点开始新的运行"),
				"model":  in.say("put the model's files back as they were, or start a new run", "把模型文件恢复原样，或开始新的运行"),
				"recipe": in.say("take the values of the run's own recipe.yaml, or start a new run from the checkpoint with --from", "使用该运行 recipe.yaml 中的值，或用 --from 从检查点开始新的运行"),
			}[d.What]}
		if len(d.Changes) > 0 {
			out[i].Fix = Fix{d.Changes[0].Key, d.Changes[0].A}
		}
	}
	return out
}
