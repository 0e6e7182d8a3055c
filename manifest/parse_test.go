package manifest

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// sameTree compares what the two parsers say, positions included.
func sameTree(t *testing.T, src string, path string, fast, slow *Node) {
	t.Helper()
	if fast.Kind != slow.Kind || fast.Value != slow.Value || fast.Key != slow.Key ||
		fast.Kind == Scalar && fast.Style != slow.Style {
		t.Fatalf("%s: fast %v %d %q, full %v %d %q\n%q", path, fast.Kind, fast.Style, fast.Value, slow.Kind, slow.Style, slow.Value, src)
	}
	if fast.keyOff != slow.keyOff {
		t.Fatalf("%s: fast key at %d, full at %d\n%q", path, fast.keyOff, slow.keyOff, src)
	}
	if fast.Kind != Null && fast.off != slow.off {
		t.Fatalf("%s: fast at %d, full at %d\n%q", path, fast.off, slow.off, src)
	}
	if fast.Kind == Scalar && slow.Located() && fast.end != slow.end {
		t.Fatalf("%s: fast ends at %d, full at %d\n%q", path, fast.end, slow.end, src)
	}
	a, b := fast.child, slow.child
	for ; a != nil && b != nil; a, b = a.next, b.next {
		sameTree(t, src, path+"/"+a.Key, a, b)
	}
	if a != nil || b != nil {
		t.Fatalf("%s: different length\n%q", path, src)
	}
}

func compare(t *testing.T, src string) (tookFast bool) {
	t.Helper()
	if len(src) > 1<<16 || encoding(src) != "" {
		return false
	}
	slowly := time.AfterFunc(5*time.Second, func() { panic(fmt.Sprintf("still reading %q", src)) })
	defer slowly.Stop()
	for d := range split(src) {
		if !d.fast {
			continue
		}
		root, ok := parseFast(d.text, d.off, &arena{})
		if !ok {
			continue
		}
		full, err := parseSlow(d.text, d.off, &arena{})
		if err != nil {
			t.Fatalf("fast reads %v, full says %v\n%q", root, err, d.text)
		}
		if root == nil || full == nil {
			if root != full {
				t.Fatalf("fast reads %v, full %v\n%q", root, full, d.text)
			}
			continue
		}
		sameTree(t, d.text, "", root, full)
		tookFast = true
	}
	return tookFast
}

var fastDocuments = []string{
	"a: 1\nb: x y # note\nc:\n  d: \"q\"\n  e: 'r'\nf:\n- 1\n- g: 2\n  h:\n    - i\n    -\n    - j: k\n",
	"a: ['sh', \"-c\", sleep 5]\nb: {c: d, e: [1, 2], \"f\": null}\nc: []\nd: {}\n",
	"a: |\n  one\n    two\n\n  three\nb: |-\n  x\n\nc:\n  - |\n    y\n  - z\n",
	"a: 1\r\nb:\r\n  - c: |\r\n      d\r\n      e\r\n    f: g\r\n",
	"# only\na:\n  b:\nc: ~\nd: null\n",
	"\"a b\": 1\n'c': http://x/y?z=1&w=2\nd: a:b\ne: -x\nf: a#b\n",
	"a: \"say \\\"hi\\\"\\n\"\nb: ünï → ok\n",
	"- a: 1\n  b: 2\n- c\n-   d: 3\n    e: 4\n",
	`{"a":1,"b":[true,null,{"c":"d \\u003c \\n"}],"e":{},"f":-1.5}`,
	"{\n  \"a\": [\n    {\"b\": []},\n    \"c\"\n  ],\n  \"d\": null\n}\n\n",
}

func TestFastPathReadsCommonManifests(t *testing.T) {
	for _, src := range fastDocuments {
		if !compare(t, src) {
			t.Errorf("not read by the fast path: %q", src)
		}
	}
}

func FuzzFastAgreesWithFull(f *testing.F) {
	for _, src := range fastDocuments {
		f.Add(src)
	}
	for _, src := range []string{
		"a: &x 1\nb: *x\n", "a: !!str 1\n", "a: >\n  b\n  c\n", "a:\n\t- b\n", "a: b: c\n", "a: 'b\n  c'\n",
		"a: b\n  c\n", "? a\n: b\n", "a: |2\n   x\n", "a: |+\n  x\n\n", "a: [1,\n 2]\n", "- - a\n  - b\n", "a: 1\na: 2\n",
		"<<: {a: 1}\n", "--- {a: 1}\n...\nb: 2\n", "a: @b\n", "a: {b:1}\n", "a:   # c\n  b: 1\n", "%YAML 1.1\n---\na: 1\n",
		"{\"a\"\n:1}", "{\"a\" : 1}", "{\"a\":\n1}", "{\"a\":1,}", "{\"a\":1}\n# c\n", "{\"a\":1}\nb: 1\n", "{\"a\":1.2.3}", "{\"a\":[1\n,2]}", "{a: 1}\n",
		"{\"a\":\"\\/\"}", "{\"a\":01}", "  {\"a\":1}\n", "{\"a\":1}: b\n", "{}\n", "{\"a\":{\"b\":1}\n}\n",
		"a: \"b\" # c\n", "a: [b]#c\n", "a: 'it''s'\n", "-a: 1\n", "a: - b\n", "a:b\n", "a: |\n\n\n", "a: |\n  b\n c\n",
	} {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) { compare(t, src) })
}

func FuzzParse(f *testing.F) {
	for _, src := range fastDocuments {
		f.Add("apiVersion: v1\nkind: ConfigMap\n" + src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		if len(src) > 1<<16 {
			return
		}
		file, problems := Parse("x.yaml", src)
		for _, p := range problems {
			if p.Line < 0 || p.Line > strings.Count(src, "\n")+strings.Count(src, "\r")+2 {
				t.Fatalf("problem on line %d of %q", p.Line, src)
			}
		}
		for _, o := range file.Objects {
			spans(t, file, o.Root)
		}
	})
}

// spans checks that every place lies within the file and that an editable
// plain scalar's place holds its text.
func spans(t *testing.T, f *File, n *Node) {
	s := f.Span(n)
	if s.Line < 1 || s.Column < 1 || s.Start > s.End || s.End > len(f.Src) {
		t.Fatalf("span %+v of %v in %q", s, n, f.Src)
	}
	if n.Kind == Scalar && n.Style == Plain && n.Located() && f.Src[n.off:n.end] != n.Value {
		t.Fatalf("%q stands where %q should in %q", f.Src[n.off:n.end], n.Value, f.Src)
	}
	for c := range n.All() {
		spans(t, f, c)
	}
}
