package cmd

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sftui/engine/run"
)

// named says what a word on the command line is that stands where a command or
// a flag would: "recipe", "data", "model" or "run", by what lies at that path, ""
// when it is nothing that the workbench opens.
func named(word string) string {
	if strings.HasPrefix(word, "sftui:") {
		return "data"
	}
	if strings.ContainsAny(word, "*?[") {
		if matches, err := filepath.Glob(word); err == nil && len(matches) > 0 {
			return "data"
		}
		return ""
	}
	info, err := os.Stat(word)
	switch {
	case err != nil:
		return ""
	case info.IsDir():
		return namedFolder(word)
	}
	switch strings.ToLower(filepath.Ext(word)) {
	case ".yaml", ".yml":
		return "recipe"
	case ".gguf":
		return "model"
	}
	return "data" // a file that holds none says so where it is opened
}

// namedFolder tells a run, a model and data apart by the files in a folder.
func namedFolder(folder string) string {
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool {
			_, err := os.Stat(filepath.Join(folder, name))
			return err == nil
		})
	}
	switch {
	case has(run.StatusFile, run.MetricsFile, "trainer_state.json"):
		return "run"
	case has("config.json", "adapter_config.json"):
		return "model"
	}
	return "data"
}

// take opens the words that stand alone as what they are.
func (a *arguments) take() error {
	for _, word := range a.rest {
		flag := named(word)
		if flag == "" {
			return fmt.Errorf("%q is neither a flag, nor key=value, nor a file or folder that is there; to open a data set of a hub: sftui --data %s", word, word)
		}
		if had := a.values[flag]; had != "" {
			return fmt.Errorf("%s and %s are both given as %s: name one of them", had, word, flag)
		}
		a.values[flag] = word
	}
	a.rest = nil
	return nil
}

// noCommand says what a first word that is no command could be meant to be.
func noCommand(word string) string {
	hint := "`sftui help` lists the commands"
	switch {
	case strings.Contains(word, "=") && !strings.Contains(word, "/"):
		hint = "to open the workbench with an option set: sftui open " + word
	case slices.Contains([]string{".yaml", ".yml"}, strings.ToLower(filepath.Ext(word))):
		return fmt.Sprintf("sftui: there is no recipe file %s here.", word)
	case strings.ContainsAny(word, "./\\*?["):
		return fmt.Sprintf("sftui: there is no file or folder %s here; to open a data set of a hub: sftui --data OWNER/NAME", word)
	}
	return fmt.Sprintf("sftui: no command %q; %s.", word, hint)
}
