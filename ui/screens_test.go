package ui

import (
	"context"
	"path/filepath"
	"testing"

	"sftui/recipes"
)

// Screens that no other test stores: the form of options, dialogs, and pages
// that cannot show what they are for.
func TestScreensOfDialogsAndErrors(t *testing.T) {
	for _, size := range sizes {
		d := newDriver(t, size[0], size[1], func(o *Options) { o.DataOptions = fullDataOptions })
		d.press("3").golden("recipe")
		d.press("/").typeText("warmup").press("enter").golden("recipe_search").press("esc")
		d.press("w").want("enter writes it there").golden("recipe_write").press("esc")
		d.press("1", ":").golden("palette").press("esc")
		d.press("L").golden("data_limit").press("esc", "c").golden("data_long_rows").press("esc")
		d.press("/").typeText("nothing has this").press("enter").golden("data_none").press("esc")
		d.press("z").golden("data_zoom").press("z", "i").golden("data_ids")

		d = newDriver(t, size[0], size[1], func(o *Options) { o.Recipe = filepath.Join("testdata", "none.yaml") })
		d.press("3").want("none.yaml").golden("recipe_missing")
		d.press("2").want("cannot be read").golden("findings_no_recipe")
		d = newDriver(t, size[0], size[1], func(o *Options) { o.Data = "testdata/none.jsonl" })
		d.press("2").want("cannot be prepared").golden("findings_no_data")
		d.a.data.err, d.a.data.busy = nil, "opening testdata/none.jsonl"
		d.a.opt.Check = func(context.Context, *recipes.Recipe, recipes.Language) ([]Finding, error) { return nil, nil }
		d.press("1").want("● opening").golden("data_busy").press("2").want("The check begins when the data is open").golden("findings_busy")
	}
}
