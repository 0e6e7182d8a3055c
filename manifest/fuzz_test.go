package manifest

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// FuzzEdit: an edit changes only what it says, whichever of the two ways it is made.
// A change of a value leaves a text that says that value in its place and everything else
// as before, and is nothing when the value is there already.
func FuzzEdit(f *testing.F) {
	values := []string{`"x"`, `5`, `{"name":"web","a":[1,{"b":null}]}`, `["a: b","#c","\n d\n"]`, `{}`, `null`, `"y"`}
	seeds := append([]string{
		edited1, strings.ReplaceAll(edited1, "\n", "\r\n"), strings.ReplaceAll(edited1, "\n", "\r"), "\ufeff" + edited1,
		"a: &x 1\nb: *x\nc: {<<: &m {d: 1}, e: *x}\nf: {<<: *m, d: 2}\n", "a: &l\n- &i {b: 1}\nc: *l\nd:\n  <<: *i\n",
		"- - a\n  - b\n-\n  c: >-\n    d\n    e\n\n  f: |+\n    g\n\n  h: !!str 5\n", "--- # c\n{a: [1,\n  2], 'b': \"c\\\n  d\"}\n...\n--- x\n---\ny: z\n",
		"{\"a\":1}\n{\"b\":[{\"c\":2}]}\n", `{"a":[]}{"b":{"c":2}}`, "{\"a\":1}\nb: 1\n",
		"{\n  \"a\": [\n    {\"b\": []},\n    \"c\"\n  ],\n  \"d\": null\n}\n", `{"a":{"b":[1,2,{"c":"d"}]},"e":""}`, "a:\n  # x\n  b: 1\n  # y\n# z\nc:\n",
	}, append(jsonDocuments, fastDocuments...)...)
	for i, src := range seeds {
		for j, value := range values {
			f.Add(src, uint(i+3*j), uint8(2*j), "x: 1")
			f.Add(src, uint(i+3*j), uint8(2*j+1), value)
		}
	}
	for kind := range uint8(14) {
		f.Add(`{"apiVersion":"v1","kind":"X","spec":{"a":1,"b":[{"c":"d"}],"e":null}}`, uint(5), kind, "70")
		f.Add("{\n  \"apiVersion\": \"v1\",\n  \"kind\": \"List\",\n  \"items\": [\n    {\n      \"apiVersion\": \"v1\",\n      \"kind\": \"X\",\n      \"a\": {}\n    }\n  ]\n}\n", uint(3), kind, "70")
		f.Add("apiVersion: v1\nkind: X\nspec:\n  a: ${A}\n  b: '{{ b }}'\n  c:\n  d: 1\n  d: 2\n", uint(4), kind, "70")
	}
	f.Fuzz(func(t *testing.T, src string, which uint, how uint8, value string) {
		if len(src) > 1<<13 || len(value) > 1<<9 {
			return
		}
		file, problems := Parse("x.yaml", src)
		if len(problems) > 0 {
			return
		}
		var all []*Node
		for _, root := range file.docs {
			if root != nil {
				collect(root, &all)
			}
		}
		if len(all) == 0 {
			return
		}
		n := all[which%uint(len(all))]
		if how%2 == 0 {
			primitive(t, file, n, how/2, value)
			return
		}
		var to any
		if json.Unmarshal([]byte(value), &to) != nil {
			return
		}
		if how%4 == 3 { // something beside what is there
			if m, is := n.Data().(map[string]any); is {
				m["added"], to = to, m
			} else if l, is := n.Data().([]any); is {
				to = slices.Concat(l, []any{to})
			}
		}
		changes(t, file, n, to)
	})
}

// changes makes a value say another and proves it by a second reading.
func changes(t *testing.T, file *File, n *Node, to any) {
	same, err := Change(file, map[*Node]any{n: n.Data()})
	if err != nil || same != file.Src {
		t.Fatalf("nothing was to change: %v\n%q\n%q", err, file.Src, same)
	}
	want, err := wanted(n, to)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Change(file, map[*Node]any{n: to})
	if _, object := to.(map[string]any); err != nil && !object && slices.Contains(file.docs, n) && len(file.docs) > 1 && streamed(file.Src) != 1 {
		return // a stream holds objects alone
	}
	if err != nil {
		t.Fatalf("to %s: %v\n%q", want, err, file.Src)
	}
	if isJSON(file.Src) && !isJSON(got) {
		t.Fatalf("no JSON any more\nbefore %q\nafter  %q", file.Src, got)
	}
	again, problems := Parse("x.yaml", got)
	if len(problems) > 0 || len(again.docs) != len(file.docs) {
		t.Fatalf("after the change: %v\n%q\n%q", problems, file.Src, got)
	}
	for i, root := range file.docs {
		expected, err := changed(root, map[*Node]any{n: to})
		if err != nil {
			t.Fatal(err)
		}
		if (expected.Set() || again.docs[i] != nil) && !SameValue(expected, again.docs[i]) {
			t.Fatalf("document %d says %v, want %v\nbefore %q\nafter  %q", i, again.docs[i], expected, file.Src, got)
		}
	}
}

// primitive makes one edit: only its own bytes may differ.
func primitive(t *testing.T, file *File, n *Node, kind uint8, value string) {
	edit := []Edit{
		Replace(n, value), Prefix(n, value), Insert(n, "inserted", value), InsertBefore(n, "inserted", value),
		Rewrite(n, "rewritten", value), Remove(n), AppendDocument(value),
	}[kind%7]
	src := file.Src
	got, err := Apply(file, []Edit{edit})
	if err != nil {
		return
	}
	s, err := edit.splice(file)
	if err != nil {
		t.Fatal(err)
	}
	if got[:s.start] != src[:s.start] || got[len(got)-(len(src)-s.end):] != src[s.end:] {
		t.Fatalf("bytes beside the edit differ\nbefore %q\nafter  %q", src, got)
	}
	if isJSON(src) && !isJSON(got) {
		t.Fatalf("no JSON any more\nbefore %q\nafter  %q", src, got)
	}
	if again, problems := Parse("x.yaml", got); len(problems) > 0 || len(again.Objects) < len(file.Objects)-1 {
		t.Fatalf("after the edit: %v\n%q", problems, got)
	}
}
