package corpus

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// Shapes are the ways in which the same applications can be written: with few flaws or
// with some in two of three objects, in long files, in a folder for each, as JSON.
var Shapes = []string{"few", "many", "long", "folders", "json"}

// perFile is how many applications a long file holds.
const perFile = 100

// Write makes n files in the folders of 200 teams; a hundredth as many if they are long.
func Write(dir, shape string, n int) error {
	var long strings.Builder
	for i := range n {
		path := filepath.Join(fmt.Sprintf("team-%03d", i%200), fmt.Sprintf("app-%05d.yaml", i))
		text := File(i)
		var err error
		switch shape {
		case "many":
			text = flawed(text)
		case "folders":
			path = filepath.Join(filepath.Dir(path), fmt.Sprintf("app-%05d", i), "base", "app.yaml")
		case "json":
			path = strings.TrimSuffix(path, ".yaml") + ".json"
			text, err = list(text)
		case "long":
			long.WriteString("---\n" + text)
			if i%perFile != perFile-1 {
				continue
			}
			text = long.String()
			long.Reset()
		}
		if err != nil {
			return err
		}
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// flawed takes away what keeps an application's requests: hook, readiness, budget.
func flawed(text string) string {
	return strings.NewReplacer("preStop:", "postStart:", "readinessProbe:", "startupProbe:",
		"kind: PodDisruptionBudget", "kind: PodDisruptionBudgetList").Replace(text)
}

// list is the application as a List in JSON, as kubectl writes it.
func list(text string) (string, error) {
	var items []any
	for doc := range strings.SplitSeq(text, "\n---\n") {
		var item any
		if err := yaml.Unmarshal([]byte(doc), &item); err != nil {
			return "", err
		}
		items = append(items, item)
	}
	data, err := json.MarshalIndent(map[string]any{"apiVersion": "v1", "kind": "List", "items": items}, "", "    ")
	return string(data) + "\n", err
}
