package manifest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestTooManyValues: what has more values than are read is refused before any of them takes memory.
func TestTooManyValues(t *testing.T) {
	for name, src := range map[string]string{
		"JSON":                `{"x":[` + strings.Repeat("0,", maxValues) + "0]}",
		"for the full parser": `{"x":[` + strings.Repeat("0,", maxValues) + "0]} x",
		"a list":              strings.Repeat("-\n", maxValues+1),
		"keys":                "&a x:\n" + strings.Repeat("a:\n", maxValues+1),
	} {
		nodes := &arena{}
		_, problems := parse("x", src, nodes)
		if len(problems) != 1 || !strings.Contains(problems[0].Text, fmt.Sprintf("more than %d values in one document", maxValues)) {
			t.Errorf("%s: %v", name, problems)
		}
		if nodes.size > 0 {
			t.Errorf("%s: values were read", name)
		}
		if _, err := ParseValue(src); err == nil {
			t.Errorf("%s: read in a value", name)
		}
	}
}

// TestTooManyToParse: the full parser takes more for each value, and may read fewer.
func TestTooManyToParse(t *testing.T) {
	src := "&a x:\n" + strings.Repeat("-\n", maxParsed)
	nodes := &arena{}
	if _, _, err := readSlow(src, 0, nodes); err == nil || !strings.Contains(err.Error(), "more than 2000000 values") || nodes.size > 0 {
		t.Errorf("%v, %d values read", err, nodes.size)
	}
}

// TestValues: no document has more values than are counted beforehand.
func TestValues(t *testing.T) {
	for _, src := range slices.Concat(fastDocuments, jsonDocuments, []string{edited1, minifiedList(50), "- - a\n  - b\n-\n  c: >-\n    d\n"}) {
		f, _ := Parse("x", src)
		var all []*Node
		for _, root := range f.docs {
			if root != nil {
				collect(root, &all)
			}
		}
		if counted := values(src); counted < len(all) {
			t.Errorf("%d values, %d counted in %q", len(all), counted, src)
		}
	}
}
