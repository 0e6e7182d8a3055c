package manifest

import (
	"strings"
	"testing"
)

const edited1 = `# kept
apiVersion: v1 # kept
kind: X
spec:
  a: 1   # one
  "b": 'two'
  list:
  - name: x
    image: y # z

  - {name: f, image: g}
  script: |
    go on
    # not a comment

  last:
    deep: true
# end
---
other:   [kept,  "as is"]
`

func TestEdits(t *testing.T) {
	for _, crlf := range []bool{false, true} {
		src := edited1
		if crlf {
			src = strings.ReplaceAll(src, "\n", "\r\n")
		}
		for _, c := range []struct {
			name        string
			edits       func(root *Node) []Edit
			from, to    string
			cannotPlace bool
		}{
			{name: "replace", edits: func(r *Node) []Edit { return []Edit{Replace(r.Get("spec", "a"), "22")} }, from: "a: 1   # one", to: "a: 22   # one"},
			{name: "replace quoted", edits: func(r *Node) []Edit { return []Edit{Replace(r.Get("spec", "b"), "three")} }, from: "'two'", to: "three"},
			{name: "insert", edits: func(r *Node) []Edit { return []Edit{Insert(r.Get("spec", "last"), "more", "x: 1\ny: 2")} },
				from: "    deep: true\n", to: "    deep: true\n    more:\n      x: 1\n      y: 2\n"},
			{name: "insert after a comment", edits: func(r *Node) []Edit { return []Edit{Insert(r.Get("spec", "list").Index(0), "c", "1")} },
				from: "image: y # z\n", to: "image: y # z\n    c: 1\n"},
			{name: "insert into flow", edits: func(r *Node) []Edit { return []Edit{Insert(r.Get("spec", "list").Index(1), "c", "d: [1]")} },
				from: "{name: f, image: g}", to: "{name: f, image: g, c: {\"d\": [1]}}"},
			{name: "insert before", edits: func(r *Node) []Edit { return []Edit{InsertBefore(r.Get("spec", "script"), "c", "1")} },
				from: "  script: |", to: "  c: 1\n  script: |"},
			{name: "insert before the first", edits: func(r *Node) []Edit {
				return []Edit{InsertBefore(r.Get("spec", "list").Index(0).Get("name"), "c", "1")}
			},
				from: "  - name: x\n", to: "  - c: 1\n    name: x\n"},
			{name: "insert before in flow", edits: func(r *Node) []Edit {
				return []Edit{InsertBefore(r.Get("spec", "list").Index(1).Get("image"), "c", "1")}
			},
				from: "f, image", to: "f, c: 1, image"},
			{name: "prefix a block", edits: func(r *Node) []Edit { return []Edit{Prefix(r.Get("spec", "script"), "exec ")} }, from: "    go on", to: "    exec go on"},
			{name: "prefix quoted", edits: func(r *Node) []Edit { return []Edit{Prefix(r.Get("spec", "b"), "x ")} }, from: "'two'", to: "'x two'"},
			{name: "rewrite", edits: func(r *Node) []Edit { return []Edit{Rewrite(r.Get("spec", "last"), "first", "a: b")} },
				from: "  last:\n    deep: true\n", to: "  first:\n    a: b\n"},
			{name: "rewrite a block", edits: func(r *Node) []Edit { return []Edit{Rewrite(r.Get("spec", "script"), "s", "t")} },
				from: "  script: |\n    go on\n    # not a comment\n", to: "  s: t\n"},
			{name: "remove", edits: func(r *Node) []Edit { return []Edit{Remove(r.Get("spec", "a"))} }, from: "  a: 1   # one\n", to: ""},
			{name: "remove a block", edits: func(r *Node) []Edit { return []Edit{Remove(r.Get("spec", "script"))} },
				from: "  script: |\n    go on\n    # not a comment\n", to: ""},
			{name: "append", edits: func(*Node) []Edit { return []Edit{AppendDocument("new: 1\n")} }, from: "\"as is\"]\n", to: "\"as is\"]\n---\nnew: 1\n"},
			{name: "two at one place", edits: func(r *Node) []Edit {
				return []Edit{Insert(r.Get("spec"), "x", "1"), Insert(r.Get("spec", "last"), "y", "2")}
			}, from: "    deep: true\n", to: "    deep: true\n    y: 2\n  x: 1\n"},
			{name: "remove from flow", edits: func(r *Node) []Edit { return []Edit{Remove(r.Get("spec", "list").Index(1).Get("name"))} }, from: "{name: f, image: g}", to: "{image: g}"},
			{name: "replace a block", edits: func(r *Node) []Edit { return []Edit{Replace(r.Get("spec", "script"), "x")} }, cannotPlace: true},
		} {
			f, problems := Parse("x.yaml", src)
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			edits := c.edits(f.Objects[0].Root)
			if got := Editable(f, edits); got == c.cannotPlace {
				t.Errorf("%s: editable %v", c.name, got)
			}
			got, err := Apply(f, edits)
			if c.cannotPlace {
				if err == nil {
					t.Errorf("%s: no error, but %q", c.name, got)
				}
				continue
			}
			want := strings.Replace(edited1, c.from, c.to, 1)
			if crlf {
				want = strings.ReplaceAll(want, "\n", "\r\n")
			}
			if err != nil || got != want {
				t.Errorf("%s (CRLF %v): %v\ngot\n%s\nwant\n%s", c.name, crlf, err, got, want)
			}
		}
	}
}

// TestApplyProves: an edit that would change more than it says is refused.
func TestApplyProves(t *testing.T) {
	for _, c := range []struct{ src, value string }{
		{"apiVersion: v1\nkind: X\na: b\n", "1\nc: 2"},
		{"apiVersion: v1\nkind: X\na: b\n", "\"open"},
		{"apiVersion: v1\nkind: X\na: b # c\n", "x: y: z"},
		{"apiVersion: v1\nkind: X\na: &anchor b\nc: *anchor\n", "d"},
	} {
		f, _ := Parse("x.yaml", c.src)
		if got, err := Apply(f, []Edit{Replace(f.Objects[0].Root.Get("a"), c.value)}); err == nil {
			t.Errorf("%q with %q became %q", c.src, c.value, got)
		}
	}
	f, _ := Parse("x.yaml", "apiVersion: v1\nkind: X\na: b\n---\n\tbroken: [\n")
	if Editable(f, []Edit{Replace(f.Objects[0].Root.Get("a"), "c")}) {
		t.Error("a file that cannot be read as a whole counts as editable")
	}
}

func collect(n *Node, all *[]*Node) {
	*all = append(*all, n)
	for c := range n.All() {
		collect(c, all)
	}
}
