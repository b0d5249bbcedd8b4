package ui

import tea "charm.land/bubbletea/v2"

// pageID names a page; its number is the key that opens it.
type pageID int

// The pages. anyPage marks keys that work on all of them.
const (
	pageStart pageID = iota
	pageData
	pageFindings
	pageRecipe
	pageTrain
	pageRuns
	pageSamples
	anyPage
)

// tabOrder is the order of the tabs, pageNames what they say.
var tabOrder = []pageID{pageData, pageFindings, pageRecipe, pageTrain, pageRuns, pageSamples}

var pageNames = map[pageID]string{
	pageStart: "Start", pageData: "Data", pageFindings: "Findings", pageRecipe: "Recipe",
	pageTrain: "Train", pageRuns: "Runs", pageSamples: "Samples",
}

// page is one screen. Its methods run in the event loop and must be quick.
type page interface {
	// view draws the page in w×h cells.
	view(w, h int) []string
	// captures reports that keys are text that is being typed.
	captures() bool
	// typed takes a key while captures is true.
	typed(k tea.KeyPressMsg) tea.Cmd
	// refresh is called when the page is opened or the terminal resized, and
	// starts what the page needs and does not have yet.
	refresh() tea.Cmd
	// wheel scrolls by d lines at a cell of the page; click hits a cell.
	wheel(x, y, d int) tea.Cmd
	click(x, y int) tea.Cmd
}

// hinter is a page that can say what may be typed where keys are text.
type hinter interface{ hint() string }

// still is the part of a page that does not type, load, scroll or get clicked.
type still struct{}

func (still) captures() bool                { return false }
func (still) typed(tea.KeyPressMsg) tea.Cmd { return nil }
func (still) refresh() tea.Cmd              { return nil }
func (still) wheel(int, int, int) tea.Cmd   { return nil }
func (still) click(int, int) tea.Cmd        { return nil }

// open returns the open page.
func (a *app) open() page {
	switch a.page {
	case pageData:
		return a.data
	case pageFindings:
		return a.findings
	case pageRecipe:
		return a.recipe
	case pageTrain:
		return a.train
	case pageRuns:
		return a.runs
	case pageSamples:
		return a.samples
	}
	return a.start
}
