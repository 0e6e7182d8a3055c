package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
)

const (
	first  = `{"apiVersion":"v1","kind":"X","metadata":{"name":"a"}}`
	second = `{"apiVersion":"v1","kind":"X","metadata":{"name":"b"},"spec":{"a":1}}`
)

// TestStream: the objects of a JSON stream are documents of their own, with places and edits.
func TestStream(t *testing.T) {
	pretty := strings.NewReplacer("{", "{\n  ", ",", ",\n  ", "}", "\n}").Replace(second)
	for _, c := range []struct{ name, src, last string }{
		{"on lines", first + "\n" + second + "\n", second},
		{"without line ends", first + second, second},
		{"with blank lines", first + "\r\n\r\n  " + second + "\n\n", second},
		{"that the fast path leaves", `{"x":"\/"}` + first + strings.Replace(second, `"a":1`, `"a":1,"b":"\/"`, 1), second},
		{"in many lines", first + "\n" + pretty + "\n", pretty},
		{"with markers behind", first + second + "\n---\n" + first, second},
		{"with YAML behind", first + "\napiVersion: v1\nkind: X\nmetadata: {name: b}\nspec:\n  a: 1\n", ""},
	} {
		f, problems := Parse("x.json", c.src)
		if len(problems) > 0 || len(f.Objects) < 2 || f.Objects[0].Name != "a" || f.Objects[1].Name != "b" {
			t.Errorf("%s: %v, objects %v", c.name, problems, f.Objects)
			continue
		}
		a := f.Objects[1].Spec("a")
		if s := f.Span(a); c.src[s.Start:s.End] != "1" || s.Line != 1+strings.Count(c.src[:s.Start], "\n") {
			t.Errorf("%s: the place %+v", c.name, s)
		}
		at := strings.LastIndex(c.src[:f.Span(a).End], "1")
		got, err := Apply(f, []Edit{Replace(a, "70")})
		if want := c.src[:at] + "70" + c.src[at+1:]; err != nil || got != want {
			t.Errorf("%s: %v\ngot  %q\nwant %q", c.name, err, got, want)
		}
		got, err = Change(f, map[*Node]any{f.Objects[1].Root: map[string]any{"all": "else"}})
		if err != nil || !strings.Contains(got, first) || strings.Contains(got, "spec") || !strings.Contains(got, "else") {
			t.Errorf("%s: changed as a whole: %v, %q", c.name, err, got)
		}
	}
	f, _ := Parse("x.json", first+"\n"+second+"\n")
	if got, err := Apply(f, []Edit{AppendDocument("a: 1\n")}); err == nil {
		t.Errorf("a document was added to JSON: %q", got)
	}
}

// TestBehind: what stands behind a document and is not read is a problem at its line.
func TestBehind(t *testing.T) {
	for _, c := range []struct {
		src  string
		line int
	}{
		{"{a: 1}\n{b: 2}\n", 2}, {"# c\n" + first + "\n\n" + second + "\n", 4}, {"---\n" + first + "\n" + second + "\n", 3},
		{"\"a\"\nb: 1\n", 2}, {"{a: 1} x\n", 1}, {"[1]\n[2]", 2}, {first + " x", 1}, {first + "\n" + second + "\nx", 3},
		{first + " garbage: [", 1}, {first + ",\n" + second, 1}, {"{a: 1}\n@y", 2}, {"\ufeff" + first + "\n" + second, 2},
		{"a: 1\n---\n" + first + "\n" + second, 4}, {first + "\n{b: 1}\n{c: 1}\n", 3}, {first + "\n5\n" + second, 2},
	} {
		if _, problems := Parse("x", c.src); len(problems) != 1 || problems[0].Line != c.line {
			t.Errorf("%q: %v, want one on line %d", c.src, problems, c.line)
		}
	}
	if n, err := ParseValue(first + second); err == nil {
		t.Errorf("in a value: %v", n)
	}
	count := 0
	for range Documents(first + second) {
		count++
	}
	if count != 2 {
		t.Errorf("%d documents in a value, want 2", count)
	}
}

// FuzzStream: every object that kubectl reads is read, or the file is a problem; a stream of JSON
// objects is none.
func FuzzStream(f *testing.F) {
	texts := []string{first, second, "a: 1\n", "{a: 1}", "# c\n", "x", "null", "[1]", " ", "\n"}
	for _, a := range texts {
		for _, b := range texts {
			f.Add(a + b)
			f.Add(a + "\n" + b + first)
			f.Add(a + "\n---\n" + b)
		}
	}
	for _, src := range append(jsonDocuments, fastDocuments...) {
		f.Add(src + first)
		f.Add(first + src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		if len(src) > 1<<12 || encoding(src) != "" {
			return
		}
		want, err := kubectlReads(src)
		if err != nil {
			return
		}
		file, problems := Parse("x", src)
		if len(problems) > 0 {
			if objects := streamed(src); objects > 0 && !strings.Contains(problems[0].Text, "levels deep") && !strings.Contains(problems[0].Text, "metadata must") {
				t.Fatalf("%d JSON objects, but %v\n%q", objects, problems, src)
			}
			return
		}
		got := 0
		for _, root := range file.docs {
			if root != nil && root.Kind == Map {
				got++
			}
		}
		// Of these kubectl leaves out what YAML calls a document.
		more := strings.HasPrefix(src, bom) || strings.Contains(src, "...") || strings.Contains(src, "\r")
		if got < want || got > want && !more {
			t.Fatalf("%d objects, kubectl reads %d\n%q", got, want, src)
		}
	})
}

// kubectlReads counts the objects of a file as kubectl does.
func kubectlReads(src string) (objects int, err error) {
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(src), 4096)
	for {
		var object runtime.RawExtension
		if err := decoder.Decode(&object); errors.Is(err, io.EOF) {
			return objects, nil
		} else if err != nil {
			return 0, err
		}
		if bytes.HasPrefix(bytes.TrimSpace(object.Raw), []byte("{")) {
			objects++
		}
	}
}

// streamed counts the objects of a JSON stream, 0 if the text is something else.
func streamed(src string) int {
	decoder := json.NewDecoder(strings.NewReader(src))
	for objects := 0; ; objects++ {
		var object map[string]json.RawMessage
		if err := decoder.Decode(&object); errors.Is(err, io.EOF) {
			return objects
		} else if err != nil || object == nil {
			return 0
		}
	}
}
