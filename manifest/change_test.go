package manifest

import (
	"strconv"
	"strings"
	"testing"
)

// TestChange: what is not changed keeps its text, whatever the way of writing.
func TestChange(t *testing.T) {
	type m = map[string]any
	at := func(path ...string) func(*Node) *Node { return func(root *Node) *Node { return root.Get(path...) } }
	for _, c := range []struct {
		name, src string
		of        func(root *Node) *Node
		with      func(value any) any
		want      string
	}{
		{"a key is added", "a:   1\n\nb: 2 # two\n# end\n", at(), put("new", "x"), "a:   1\n\nb: 2 # two\n# end\nnew: x\n"},
		{"below its comment, above those of what follows", "a:\n  b: 1\n  # of a\n\n# of c\nc: 1\n", at("a"), put("d", 2), "a:\n  b: 1\n  # of a\n  d: 2\n\n# of c\nc: 1\n"},
		{"behind a last line without an end", "z: 0\na:  1", at(), put("b", 2), "z: 0\na:  1\nb: 2"},
		{"a value", "a:   1 # one\nb:   '2'\n", at(), put("a", 3), "a:   3 # one\nb:   '2'\n"},
		{"keys go with their lines", "a: 1\nb:   2\n\nc: 3\nd: 4\n", at(), func(any) any { return m{"a": 1, "d": 4} }, "a: 1\nd: 4\n"},
		{"an item in front", "l:\n# of a\n- name: a\n  x: 1   # kept\n", at("l"), func(v any) any { return append([]any{m{"name": "new"}}, v.([]any)...) }, "l:\n- name: new\n# of a\n- name: a\n  x: 1   # kept\n"},
		{"an item behind, and a key behind that", "l:\n- name: a\nm: {}\n", at(), func(v any) any { return m{"l": append(v.(m)["l"].([]any), m{"name": "b"}), "m": m{}, "n": 1} }, "l:\n- name: a\n- name: b\nm: {}\nn: 1\n"},
		{"lists of two indents", "l:\n  - a\nm:\n- b\n", at(), func(any) any { return m{"l": []any{"0", "a"}, "m": []any{"b", "c"}} }, "l:\n  - \"0\"\n  - a\nm:\n- b\n- c\n"},
		{"behind a folded text", "a: >\n  b\n  c\n\nd: 1\n", at(), put("e", 2), "a: >\n  b\n  c\n\nd: 1\ne: 2\n"},
		{"behind a folded text, as the last", "x:\n  a: >-\n    b\n    c\n\nd: 1\n", at("x"), put("e", 2), "x:\n  a: >-\n    b\n    c\n  e: 2\n\nd: 1\n"},
		{"by four spaces", "a:\n    b: 1\n", at("a"), put("c", m{"d": 1}), "a:\n    b: 1\n    c:\n        d: 1\n"},
		{"in braces", "a: {b: 1} # c\n", at("a"), put("d", []any{"x", "y: z"}), "a: {b: 1, d: [x, 'y: z']} # c\n"},
		{"an anchor stays", "a: &x\n  b: 1\nc: *x\n", at("c"), func(any) any { return m{"b": 1} }, "a: &x\n  b: 1\nc: *x\n"},
		{"an alias is written out where it has to be", "a: &x\n  b: 1\nc: *x\nd: *x # c\n", at("c"), put("e", 2), "a: &x\n  b: 1\nc:\n  b: 1\n  e: 2\nd: *x # c\n"},
		{"as it is where what it repeats has changed", "a: &x\n  b: 1\nc: *x\n", at("a"), put("e", 2), "a: &x\n  b: 1\n  e: 2\nc:\n  b: 1\n"},
		{"a merged key is said again", "a: &x {b: 1}\nc:\n  <<: *x\n  d: 2\n", at("c"), put("b", 3), "a: &x {b: 1}\nc:\n  <<: *x\n  d: 2\n  b: 3\n"},
		{"minified JSON", `{"a":1,"b":[{"name":"x"}]}`, at("b"), func(v any) any { return append(v.([]any), m{"name": "y", "z": true}) }, `{"a":1,"b":[{"name":"x"},{"name":"y","z":true}]}`},
		{"JSON in lines", "{\n  \"a\": 1.50,\n  \"b\": {\n    \"c\": []\n  }\n}\n", at("b"), put("d", m{"e": []any{"<", 1}}), "{\n  \"a\": 1.50,\n  \"b\": {\n    \"c\": [],\n    \"d\": {\n      \"e\": [\n        \"<\",\n        1\n      ]\n    }\n  }\n}\n"},
		{"another document is not touched", "a: 1\n---\nb:    2\n", at(), put("c", 3), "a: 1\nc: 3\n---\nb:    2\n"},
		{"an anchor that goes takes the document along", "a: &x 1\nb: *x\n", at(), func(any) any { return m{"b": 1} }, "b: 1\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, way := range []func(string) string{
				func(s string) string { return s },
				func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
				func(s string) string { return bom + s },
			} {
				f, problems := Parse("x", way(c.src))
				if len(problems) > 0 {
					t.Fatal(problems)
				}
				n := c.of(f.docs[0])
				got, err := Change(f, map[*Node]any{n: c.with(n.Data())})
				if want := way(c.want); err != nil || got != want {
					t.Errorf("%v\ngot\n%q\nwant\n%q", err, got, want)
				}
			}
		})
	}
}

func put(key string, value any) func(any) any {
	return func(was any) any {
		was.(map[string]any)[key] = value
		return was
	}
}

// TestMerge: what the types of before and after do not know stays as it is.
func TestMerge(t *testing.T) {
	type m = map[string]any
	raw := m{"tomorrow": 1, "list": []any{m{"name": "a", "tomorrow": 2}, m{"name": "b"}}, "gone": 1}
	before := m{"list": []any{m{"name": "a"}, m{"name": "b"}}, "gone": 1}
	after := m{"list": []any{m{"name": "new"}, m{"name": "a", "x": 1}}}
	merged, err := wanted(nil, Merge(raw, before, after))
	if want := `{"list": [{"name": "new"}, {"name": "a", "tomorrow": 2, "x": 1}], "tomorrow": 1}`; err != nil || merged.String() != want {
		t.Errorf("%v, got %s", err, merged)
	}
}

// TestChangeIsLinear: a large template takes its share of time, not its square.
func TestChangeIsLinear(t *testing.T) {
	var b strings.Builder
	b.WriteString("l:\n")
	for range 50_000 {
		b.WriteString("- a\n")
	}
	b.WriteString("m:\n")
	for i := range 50_000 {
		b.WriteString("  k" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + "-" + strings.Repeat("y", i%5) + strconv.Itoa(i) + ": v\n")
	}
	f, problems := Parse("x", b.String())
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	got, err := Change(f, map[*Node]any{f.docs[0]: put("n", 1)(f.docs[0].Data())})
	if err != nil || got != b.String()+"n: 1\n" {
		t.Errorf("%v, %d bytes", err, len(got))
	}
}
