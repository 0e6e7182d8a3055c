package files

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMerge(t *testing.T) {
	tests := []struct {
		name                      string
		text, before, after, want string // want is empty where the text can't be kept
	}{
		{"a line is added", "a:   1\n\nb: 2\n", "a: 1\nb: 2\n", "a: 1\nnew: 0\nb: 2\n", "a:   1\nnew: 0\n\nb: 2\n"},
		{"at the beginning", "# c\na: 1\n", "# c\na: 1\n", "new: 0\n# c\na: 1\n", "new: 0\n# c\na: 1\n"},
		{"behind a last line without an end", "a:  1", "a: 1\n", "a: 1\nb: 2\n", "a:  1\nb: 2\n"},
		{"a line is replaced", "a:   1\nb:   2\n", "a: 1\nb: 2\n", "a: 3\nb: 2\n", "a: 3\nb:   2\n"},
		{"lines are removed with the blanks between", "a: 1\nb:   2\n\nc: 3\nd: 4\n", "a: 1\nb: 2\nc: 3\nd: 4\n", "a: 1\nd: 4\n", "a: 1\nd: 4\n"},
		{"not with a comment between", "a: 1\nb: 2\n# kept\nc: 3\n", "a: 1\nb: 2\nc: 3\n", "a: 1\n", ""},
		{"deeper than its layout", "a:\n    b:   1\n", "a:\n  b: 1\n", "a:\n  b: 1\n  c:\n    d: 2\n", "a:\n    b:   1\n    c:\n      d: 2\n"},
		{"two depths in one piece", "l:\n- a\nm: 1\n", "l:\n  - a\nm: 1\n", "l:\n  - a\n  - b\nn: 0\nm: 1\n", "l:\n- a\n- b\nn: 0\nm: 1\n"},
		{"behind a folded text", "a: >\n  b\n  c\n\nd: 1\n", "a: >\n  b c\nd: 1\n", "a: >\n  b c\nnew: 0\nd: 1\n", "a: >\n  b\n  c\nnew: 0\n\nd: 1\n"},
		{"lists of two indents", "l:\n  - a\nm:\n- b\n", "l:\n- a\nm:\n- b\n", "l:\n- 0\n- a\nm:\n- b\n- c\n", "l:\n  - 0\n  - a\nm:\n- b\n- c\n"},
		{"no line of its own", "{a: 1,\n b: 2}\n", "{a: 1, b: 2}\n", "{a: 1, b: 3}\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := merge(tt.text, tt.before, tt.after)
			if ok != (tt.want != "") {
				t.Fatalf("merged %t: %q", ok, got)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestMatchGivesUp(t *testing.T) {
	a, b := make([]string, 5000), make([]string, 5000)
	for i := range a {
		a[i], b[i] = "a", "b"
	}
	if _, ok := match(a, b); ok {
		t.Error("compared two texts that have nothing in common")
	}
}
