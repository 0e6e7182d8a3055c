package manifest

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// jsonDocuments are valid JSON that YAML's scanner refuses or reads in another way.
var jsonDocuments = []string{
	`{"a":"http:\/\/x\/"}`, `{"a":"\ud83d\ude00"}`, `{"\ud83d\ude00":1,"b":"\u00fc"}`, `{"a":"\ud83d"}`, `{"a":"\ude00\ud83dx"}`, `{"a":"😀\/"}`,
	"{\n\t\"a\": [\n\t\t1,\n\t\t{\"b\": null}\n\t]\n}\n", `{"a":1,"a":2,"b":{"c":1,"c":[2]},"a":{"d":3}}`, `{"<<":{"a":1},"":2,"b" : 3}`,
	`{"a":"\b\f\r\n\t\"\\\u0000\u001f"}`, "{\"a\":\"\u0085\u2028\u2029\ufeff\u007f\"}", `{"a":-0,"b":1e3,"c":1.5E-2,"d":0.0,"e":true,"f":false}`, `["a\/",[],{}]`,
	" { \"a\"\n:\r\n1 , \"b\" :\n[ ] }\n\n", `{"key\/":{"x":"` + strings.Repeat(`\/`, 600) + `"}}`, `{}`, `{"a":"\u2028"}`,
}

// FuzzJSON: what encoding/json reads is read, as it reads it, and each text can be changed.
func FuzzJSON(f *testing.F) {
	for _, src := range append(jsonDocuments, fastDocuments...) {
		f.Add(src)
		f.Add(`{"apiVersion":"v1","kind":"X","spec":` + src + `}`)
	}
	f.Fuzz(func(t *testing.T, src string) {
		text := strings.TrimLeft(src, " \t\r\n")
		if len(src) > 1<<13 || text == "" || text[0] != '{' && text[0] != '[' || encoding(src) != "" {
			return
		}
		d := json.NewDecoder(strings.NewReader(src))
		d.UseNumber()
		var want any
		if !json.Valid([]byte(src)) || d.Decode(&want) != nil {
			return
		}
		file, problems := Parse("x.json", src)
		if len(problems) > 0 || len(file.docs) != 1 {
			if len(problems) == 1 && strings.Contains(problems[0].Text, "levels deep") {
				return
			}
			t.Fatalf("%v\n%q", problems, src)
		}
		if got := plainData(file.docs[0]); !reflect.DeepEqual(got, want) {
			t.Fatalf("read %#v, encoding/json reads %#v\n%q", got, want, src)
		}
		spans(t, file, file.docs[0])
		var all []*Node
		collect(file.docs[0], &all)
		for _, n := range all {
			if n.Kind != Scalar || n.Style != Quoted || len(all) > 50 {
				continue
			}
			var said string
			if err := json.Unmarshal([]byte(src[n.off:n.end]), &said); err != nil || said != n.Value {
				t.Fatalf("%q stands at the place of %q: %v\n%q", src[n.off:n.end], n.Value, err, src)
			}
			changes(t, file, n, "a/b")
		}
	})
}

// plainData is what a tree says, as encoding/json gives it.
func plainData(n *Node) any {
	switch {
	case n.Kind == Null:
		return nil
	case n.Kind == Map:
		m := map[string]any{}
		for c := range n.All() {
			m[c.Key] = plainData(c)
		}
		return m
	case n.Kind == List:
		list := []any{}
		for c := range n.All() {
			list = append(list, plainData(c))
		}
		return list
	case n.Style == Quoted:
		return n.Value
	case n.Value == "true", n.Value == "false":
		return n.Value == "true"
	}
	return json.Number(n.Value)
}

// TestJSONDocuments: JSON as PHP (\/) and Python (surrogate pairs) write it is read, and edits leave the
// rest of it as it is.
func TestJSONDocuments(t *testing.T) {
	src := `{"apiVersion":"v1","kind":"X","metadata":{"name":"web"},"spec":{"a":"\ud83d\ude00 x","url":"http:\/\/b\/","n":1,"n":2}}`
	f, problems := Parse("x.json", src)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	o := f.Objects[0]
	if a, url := o.Spec("a").Str(), o.Spec("url").Str(); a != "😀 x" || url != "http://b/" {
		t.Errorf("%q, %q", a, url)
	}
	if s := f.Span(o.Spec("url")); src[s.Start:s.End] != `"http:\/\/b\/"` || s.Column != strings.Index(src, `"http:`)+1 {
		t.Errorf("the place %+v", s)
	}
	if o.Spec("n").Str() != "2" || len(f.Objects[0].Overruled) != 1 || f.Objects[0].Overruled[0].Str() != "1" {
		t.Errorf("two equal keys: %v, overruled %v", o.Spec("n"), f.Objects[0].Overruled)
	}
	got, err := Apply(f, []Edit{Put(o.Spec(), "grace", "70"), Replace(o.Spec("n"), "3")})
	if want := strings.Replace(src, `"n":2`, `"n":3,"grace":70`, 1); err != nil || got != want {
		t.Errorf("%v\ngot  %s\nwant %s", err, got, want)
	}
	if _, problems := Parse("x.json", "{\"a\": \"\\/\",\n\"b\": "+strings.Repeat("[", 70)+strings.Repeat("]", 70)+"}"); len(problems) != 1 || problems[0].Line != 2 {
		t.Errorf("too deep: %v", problems)
	}
	if n, err := ParseValue(`{"a":"\/"}`); err != nil || n.Get("a").Str() != "/" {
		t.Errorf("in a value: %v, %v", n, err)
	}
}
