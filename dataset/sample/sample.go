// Package sample carries sftui's own chat data set, so that the main job runs
// with nothing else at hand. It teaches one small, visible skill: Shellhand
// answers every question about a terminal with one command, a line on what it
// does, and a line on how to undo it.
package sample

import _ "embed"

// Name is what the sample is called where a data set is named.
const Name = "sftui:sample"

// EvalName is the held-out part: wordings and commands that Train never shows.
const EvalName = "sftui:sample-eval"

//go:embed shellhand.jsonl
var train []byte

//go:embed shellhand-eval.jsonl
var eval []byte

// Files returns the JSONL text of each part by the name it is opened with.
func Files() map[string][]byte {
	return map[string][]byte{Name: train, EvalName: eval}
}
