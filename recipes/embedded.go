package recipes

// EmbeddedRecipe is a ready recipe that comes with the binary.
type EmbeddedRecipe struct {
	Name        string // what --recipe takes
	Description string // one English line
	Chinese     string // the same in Chinese
	YAML        []byte
}
