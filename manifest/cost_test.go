package manifest

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// minifiedList is a List of so many objects on one line.
func minifiedList(objects int) string {
	items := make([]string, objects)
	for i := range items {
		items[i] = fmt.Sprintf(`{"apiVersion":"v1","kind":"X","metadata":{"name":"ü-%d"},"spec":{"a":1,"a":2}}`, i)
	}
	return `{"apiVersion":"v1","kind":"List","items":[` + strings.Join(items, ",") + "]}"
}

// TestLongLine: a column is found by counting no more than the characters behind the last mark, however long
// the line is, and a place is shown by a piece of it.
func TestLongLine(t *testing.T) {
	f, problems := Parse("x.json", minifiedList(2000))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for i, o := range f.Objects {
		s := f.Span(o.Spec("a"))
		if want := utf8.RuneCountInString(f.Src[:s.Start]) + 1; i%100 == 0 && s.Column != want {
			t.Fatalf("object %d: column %d, want %d", i, s.Column, want)
		}
		if _, counted := f.marked(s.Start); len(counted) > markEvery {
			t.Fatalf("object %d: counts %d bytes", i, len(counted))
		}
		text, skipped := f.Excerpt(s)
		if len(text) > 2*excerptReach || !utf8.ValidString(text) {
			t.Fatalf("object %d: %d bytes shown", i, len(text))
		}
		if runes := []rune(text); string(runes[s.Column-1-skipped:s.EndColumn-1-skipped]) != "2" {
			t.Fatalf("object %d: marks %q", i, text)
		}
	}
	short, _ := Parse("x.yaml", goodObject)
	if text, skipped := short.Excerpt(short.Span(short.Objects[0].Root.Get("kind"))); text != "kind: ConfigMap" || skipped != 0 {
		t.Errorf("a short line: %q, %d", text, skipped)
	}
}

// TestWideList: what holds a node is looked for once in a list of many.
func TestWideList(t *testing.T) {
	f, _ := Parse("x.json", minifiedList(2000))
	for i, o := range f.Objects {
		if _, parent := f.around(o.Spec("a")); parent != o.Spec() {
			t.Fatalf("object %d: found in %v", i, parent)
		}
	}
	items := f.docs[0].Get("items")
	if known, is := f.wide.Load(items); !is || len(known.([]*Node)) != 2000 {
		t.Error("goes through the items for each node")
	}
}

// TestOverruledOnce: each overruled value belongs to one object, so that a rule looks at it once.
func TestOverruledOnce(t *testing.T) {
	documents := strings.Repeat("apiVersion: v1\nkind: X\nmetadata: {name: a}\nspec:\n  a: {b: 1, b: 2}\n  a: 3\n---\n", 300)
	for name, src := range map[string]string{"a List": minifiedList(300), "documents": documents} {
		f, problems := Parse("x", src)
		if len(problems) > 0 || len(f.Objects) != 300 {
			t.Fatal(name, problems)
		}
		for i, o := range f.Objects {
			first := o.Overruled[0]
			if first.start() < o.Root.start() || i+1 < 300 && o.Overruled[len(o.Overruled)-1].start() > f.Objects[i+1].Root.start() {
				t.Errorf("%s: object %d has %v", name, i, o.Overruled)
			}
			if want := strings.Count(name, "documents") + 1; len(o.Overruled) != want {
				t.Errorf("%s: object %d has %d, want %d", name, i, len(o.Overruled), want)
			}
		}
	}
	f, _ := Parse("x", "a: 1\n---\napiVersion: v1\nkind: List\nitems: []\nitems:\n- {apiVersion: v1, kind: X}\n")
	if len(f.Objects[0].Overruled) != 1 {
		t.Error("the items that a List sets twice are not told of")
	}
}

// BenchmarkLongLine finds the places in a minified List; the time for a place does not depend on its length.
func BenchmarkLongLine(b *testing.B) {
	for _, objects := range []int{1000, 8000} {
		b.Run(fmt.Sprint(objects), func(b *testing.B) {
			src := minifiedList(objects)
			for b.Loop() {
				f, _ := Parse("x.json", src)
				for _, o := range f.Objects {
					s := f.Span(o.Spec("a"))
					f.Excerpt(s)
					Editable(f, []Edit{InsertBefore(o.Spec("a"), "b", "3")})
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*objects), "ns/place")
		})
	}
}
