package manifest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lameduck-dev/lameduck/manifest/growthtest"
)

// TestEditJSON: what was JSON before an edit is JSON after it, as it is laid out
// there, minified or in lines.
func TestEditJSON(t *testing.T) {
	const minified = `{"apiVersion":"v1","kind":"X","metadata":{},"spec":{"a":1,"list":[{"name":"x"}]}}`
	const pretty = `{
  "apiVersion": "v1",
  "kind": "X",
  "metadata": {},
  "spec": {
    "a": 1,
    "list": [
      {
        "name": "x"
      }
    ]
  }
}
`
	list := `{"apiVersion":"v1","kind":"List","items":[` + minified + `]}`
	for _, c := range []struct {
		name, src string
		edit      func(root *Node) Edit
		from, to  string
	}{
		{"add", minified, func(r *Node) Edit { return Insert(r.Get("spec"), "grace", "70") }, `[{"name":"x"}]}`, `[{"name":"x"}],"grace":70}`},
		{"add a tree", minified, func(r *Node) Edit { return Insert(r.Get("spec"), "hook", "sleep:\n  text: go on\n  seconds: 5") },
			`[{"name":"x"}]}`, `[{"name":"x"}],"hook":{"sleep":{"text":"go on","seconds":5}}}`},
		{"add to what is empty", minified, func(r *Node) Edit { return Insert(r.Get("metadata"), "name", "web") }, `"metadata":{}`, `"metadata":{"name":"web"}`},
		{"add in front", minified, func(r *Node) Edit { return InsertBefore(r.Get("spec", "list"), "grace", "70") }, `"list"`, `"grace":70,"list"`},
		{"replace by text", minified, func(r *Node) Edit { return Replace(r.Get("spec", "a"), "IfHealthy") }, `"a":1`, `"a":"IfHealthy"`},
		{"rewrite", minified, func(r *Node) Edit { return Rewrite(r.Get("spec", "a"), "b", "c: d") }, `"a":1`, `"b":{"c":"d"}`},
		{"remove the first", minified, func(r *Node) Edit { return Remove(r.Get("spec", "a")) }, `"a":1,`, ``},
		{"remove the last", minified, func(r *Node) Edit { return Remove(r.Get("spec", "list")) }, `,"list":[{"name":"x"}]`, ``},
		{"remove the only one", minified, func(r *Node) Edit { return Remove(r.Get("spec", "list").Index(0).Get("name")) }, `{"name":"x"}`, `{}`},
		{"in a List", list, func(r *Node) Edit { return Insert(r.Get("spec"), "grace", "70") }, `[{"name":"x"}]}`, `[{"name":"x"}],"grace":70}`},
		{"add a line", pretty, func(r *Node) Edit { return Insert(r.Get("spec"), "grace", "70") }, "    ]\n", "    ],\n    \"grace\": 70\n"},
		{"add a line in front", pretty, func(r *Node) Edit { return InsertBefore(r.Get("spec", "list"), "grace", "70") }, `    "list"`, "    \"grace\": 70,\n    \"list\""},
		{"rewrite a line", pretty, func(r *Node) Edit { return Rewrite(r.Get("spec", "a"), "b", "2") }, `"a": 1`, `"b": 2`},
		{"remove a line", pretty, func(r *Node) Edit { return Remove(r.Get("spec", "a")) }, "    \"a\": 1,\n", ""},
		{"prefix", pretty, func(r *Node) Edit { return Prefix(r.Get("spec", "list").Index(0).Get("name"), `say "`) }, `"x"`, `"say \"x"`},
	} {
		f, problems := Parse("x.json", c.src)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		got, err := Apply(f, []Edit{c.edit(f.Objects[0].Root)})
		if want := strings.Replace(c.src, c.from, c.to, 1); err != nil || got != want {
			t.Errorf("%s: %v\ngot\n%s\nwant\n%s", c.name, err, got, want)
		}
		if !json.Valid([]byte(got)) {
			t.Errorf("%s: no JSON any more:\n%s", c.name, got)
		}
	}
}

// TestEditNull: a key without a value gets one, and does not stand twice.
func TestEditNull(t *testing.T) {
	for src, want := range map[string]string{
		"apiVersion: v1\nkind: X\nspec:\n  a:\n  b: 1\n":          "apiVersion: v1\nkind: X\nspec:\n  a: 70\n  b: 1\n",
		"apiVersion: v1\nkind: X\nspec:\n  a:   # c\n":            "apiVersion: v1\nkind: X\nspec:\n  a: 70   # c\n",
		"apiVersion: v1\nkind: X\nspec:\n  a: null # c\n  b: 1\n": "apiVersion: v1\nkind: X\nspec:\n  a: 70 # c\n  b: 1\n",
		"apiVersion: v1\nkind: X\nspec: {a: , b: 1}\n":            "apiVersion: v1\nkind: X\nspec: {a: 70 , b: 1}\n",
		`{"apiVersion":"v1","kind":"X","spec":{"a":null}}`:        `{"apiVersion":"v1","kind":"X","spec":{"a":70}}`,
		"apiVersion: v1\nkind: X\nx: 'y\n  z'\nspec:\n  a:\n":     "apiVersion: v1\nkind: X\nx: 'y\n  z'\nspec:\n  a: 70\n",
	} {
		f, _ := Parse("x", src)
		got, err := Apply(f, []Edit{Put(f.Objects[0].Root.Get("spec"), "a", "70")})
		if err != nil || got != want {
			t.Errorf("%q: %v, got %q", src, err, got)
		}
	}
}

// TestEditPlaceholder: what a template will fill in is never overwritten, nor is anything else that
// is no number where one belongs.
func TestEditPlaceholder(t *testing.T) {
	for _, value := range []string{
		"${GRACE}", "$GRACE", `"{{ grace }}"`, "'{{ .Values.grace }}'", "<%= n %>", "'#{grace}'", "__GRACE__",
		"$(GRACE)", "<grace>", "PLACEHOLDER", "30s", "'30'", "30.5", "#{grace}#", "#{grace}", "#GRACE#", "~ #{grace}#",
	} {
		f, problems := Parse("x.yaml", "apiVersion: v1\nkind: X\nspec:\n  replicas: "+value+"\n  b:\n    seconds: "+value+"\n")
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		spec := f.Objects[0].Root.Get("spec")
		for _, edit := range []Edit{
			Put(spec, "replicas", "70"), Replace(spec.Get("replicas"), "70"), Rewrite(spec.Get("replicas"), "d", "70"),
			Remove(spec.Get("replicas")), Rewrite(spec.Get("b"), "d", "70"), Remove(spec.Get("b")),
		} {
			if got, err := Apply(f, []Edit{edit}); err == nil {
				t.Errorf("%s was overwritten: %q", value, got)
			}
		}
		if !f.Unknown() {
			t.Errorf("%s counts as known", value)
		}
	}
	// A comment is no value, and what is no number field is none of a number's.
	f, _ := Parse("x.yaml", "apiVersion: v1\nkind: X\nmetadata:\n  labels: {port: A, replicas: x}\nspec:\n  replicas: # how many\n  port: http\n  maxSurge: 25%\n  hostNetwork: yes\n  a: 30s\n")
	if f.Unknown() {
		t.Error("counts as unknown")
	}
	if got, err := Apply(f, []Edit{Put(f.Objects[0].Spec(), "replicas", "2")}); err != nil || !strings.Contains(got, "replicas: 2 # how many") {
		t.Errorf("%q, %v", got, err)
	}
}

// TestEditCR: a file whose lines end in a carriage return is read and edited as any other.
func TestEditCR(t *testing.T) {
	f, problems := Parse("x.yaml", strings.ReplaceAll(edited1, "\n", "\r"))
	if len(problems) > 0 || len(f.Objects) != 1 || f.Objects[0].Root.Get("other") != nil {
		t.Fatal(problems, f.Objects)
	}
	root := f.Objects[0].Root
	got, err := Apply(f, []Edit{Insert(root.Get("spec", "last"), "more", "x: 1"), Remove(root.Get("spec", "a"))})
	want := strings.Replace(edited1, "    deep: true\n", "    deep: true\n    more:\n      x: 1\n", 1)
	want = strings.ReplaceAll(strings.Replace(want, "  a: 1   # one\n", "", 1), "\n", "\r")
	if err != nil || got != want {
		t.Errorf("%v\ngot\n%q\nwant\n%q", err, got, want)
	}
}

// TestKeyTwice: of two equal keys the last one counts, as for kubectl, and both are told.
func TestKeyTwice(t *testing.T) {
	for _, src := range []string{
		"apiVersion: v1\nkind: X\nspec:\n  a: 1\n  b: 2\n  a: 3\n",
		"apiVersion: v1\nkind: X\nspec: {a: 1, b: 2, a: 3}\n",
		`{"apiVersion":"v1","kind":"X","spec":{"a":1,"b":2,"a":3}}`,
	} {
		f, problems := Parse("x", src)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		if got := f.Objects[0].Spec().String(); got != `{"b": 2, "a": 3}` {
			t.Errorf("read %s", got)
		}
		if len(f.Objects[0].Overruled) != 1 || f.Objects[0].Overruled[0].Str() != "1" {
			t.Errorf("overruled %v", f.Objects[0].Overruled)
		}
		if _, err := Apply(f, []Edit{Replace(f.Objects[0].Spec("a"), "4")}); err != nil {
			t.Error(err)
		}
	}
}

// TestManyKeys: the time grows with the input, not with its square. What took more
// than a minute takes a fraction of a second.
func TestManyKeys(t *testing.T) {
	const many = 15_000
	head := "apiVersion: v1\nkind: X\nspec:\n"
	block := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "  key-%d: value\n", i)
		}
		return b.String()
	}
	for name, source := range map[string]func(n int) string{
		"block": func(n int) string { return head + block(n) },
		"full":  func(n int) string { return head + block(n) + "  last: &a !!str x\n" },
		"merged": func(n int) string {
			merged := block(n / 3)
			return "x: &m\n" + merged + head + strings.ReplaceAll(merged, "key", "other") + "  <<: *m\n"
		},
		"json": func(n int) string {
			var flow strings.Builder
			for i := range n {
				fmt.Fprintf(&flow, `,"key-%d":"value"`, i)
			}
			return `{"apiVersion":"v1","kind":"X","spec":{"first":1` + flow.String() + `}}`
		},
	} {
		t.Run(name, func(t *testing.T) {
			parse := func(src string) func() {
				return func() {
					if f, problems := Parse("x", src); len(problems) > 0 || len(f.Objects) != 1 {
						t.Error(problems)
					}
				}
			}
			growthtest.Linear(t, parse(source(many)), parse(source(growthtest.More*many)))
		})
	}
}

// TestAliasPlace: what an alias repeats stands where the alias does.
func TestAliasPlace(t *testing.T) {
	src, err := os.ReadFile(filepath.Join("testdata", "alias-line.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	f, _ := Parse("app.yaml", string(src))
	command := f.Objects[0].Spec("template", "spec", "containers").Index(1).Get("lifecycle", "preStop", "exec", "command")
	if got := f.Span(command).Line; got != 14 {
		t.Errorf("the alias stands on line 14, not %d", got)
	}
	if edit := []Edit{Prefix(command.Index(1), "1")}; Editable(f, edit) {
		t.Error("an alias would be edited")
	}
}
