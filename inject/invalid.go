package inject

import "strings"

// Invalid is a value that can't be used: where it is, what is wrong with it, what to do.
type Invalid struct {
	Path    []string // field names from the object's root; annotation keys are one element
	Problem string   // reads after the path: `is "maybe"`
	Remedy  string   // an instruction
}

// Error is one line: place, problem, remedy.
func (e *Invalid) Error() string {
	return FieldPath(e.Path) + " " + e.Problem + ": " + e.Remedy
}

// FieldPath writes a path as people do: spec.containers[app].lifecycle, and annotations and
// labels by their key in brackets.
func FieldPath(path []string) string {
	var b strings.Builder
	for i, part := range path {
		switch {
		case strings.HasPrefix(part, "["):
		case strings.ContainsAny(part, "./"):
			part = "[" + part + "]"
		case i > 0:
			b.WriteByte('.')
		}
		b.WriteString(part)
	}
	return b.String()
}

func annotation(key string) []string { return []string{"metadata", "annotations", key} }
