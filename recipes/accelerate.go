package recipes

import "go.yaml.in/yaml/v3"

// looksLikeAccelerate recognizes a launch configuration of accelerate by keys
// that no recipe has.
func looksLikeAccelerate(root *yaml.Node) bool {
	for i := 0; i+1 < len(root.Content); i += 2 {
		switch root.Content[i].Value {
		case "distributed_type", "compute_environment":
			return true
		}
	}
	return false
}
