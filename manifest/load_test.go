package manifest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const goodObject = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: good\n"

// TestBadInput checks that each kind of bad input gets one clear message and
// that the good document beside it is still there.
func TestBadInput(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c <= 'i'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	deep := ""
	for i := range maxDepth + 5 {
		deep += strings.Repeat(" ", i) + "a:\n"
	}
	for _, c := range []struct {
		name, doc string
		line      int
		want      string
	}{
		{"broken", "a: b\n c: d\n", 7, "mapping values are not allowed"},
		{"tab", "a:\n\tb: c\n", 7, "indented with a tab; YAML allows only spaces"},
		{"bomb", bomb, -1, "aliases expand to more than"},
		{"deep", deep, -1, "nested more than"},
		{"template", "a: {{ .Values.a }}\n", -1, "looks like a template"},
		{"unknown anchor", "a: *b\n", -1, "unknown anchor"},
		{"self", "a: &a [*a]\n", -1, "nested more than"},
		{"metadata", "apiVersion: v1\nkind: X\nmetadata: [a]\n", 8, "metadata must be a mapping"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file, problems := Parse("in.yaml", goodObject+"---\n"+c.doc+"---\n"+goodObject)
			if len(problems) != 1 || !strings.Contains(problems[0].Text, c.want) || c.line > 0 && problems[0].Line != c.line {
				t.Errorf("problems %v, want one on line %d: %s", problems, c.line, c.want)
			}
			if len(file.Objects) != 2 {
				t.Errorf("%d objects beside the bad one, want 2", len(file.Objects))
			}
		})
	}
}

func TestEncodings(t *testing.T) {
	utf16 := "\xff\xfea\x00:\x00"
	for src, want := range map[string]string{
		utf16: "UTF-16", "\x00a\x00:": "UTF-16", "a: \x00b": "NUL", "a: \xff\xff": "UTF-8", "\ufeff" + goodObject: "",
		strings.ReplaceAll(goodObject, "\n", "\r\n"): "", "": "", "---\n---\n": "", "# nothing\n": "",
	} {
		file, problems := Parse("in.yaml", src)
		switch {
		case want == "" && len(problems) != 0, want != "" && (len(problems) != 1 || !strings.Contains(problems[0].Text, want)):
			t.Errorf("%q: %v, want %q", src, problems, want)
		case strings.Contains(src, "good") && (len(file.Objects) != 1 || file.Objects[0].Name != "good"):
			t.Errorf("%q: objects %v", src, file.Objects)
		}
	}
}

func TestListsAndStrangers(t *testing.T) {
	file, problems := Parse("in.yaml", `apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Service
  metadata: {name: a}
- apiVersion: example.com/v1
  kind: Strange
  metadata: {name: b, namespace: n}
---
image: not-an-object
---
just text
`)
	var names []string
	for _, o := range file.Objects {
		names = append(names, o.String())
	}
	if got := strings.Join(names, ", "); got != "Service a, Strange n/b" || len(problems) != 0 {
		t.Errorf("objects %q, problems %v", got, problems)
	}
}

func TestPositions(t *testing.T) {
	src := "\ufeff# é\r\nkind: Service\r\napiVersion: v1\r\nmetadata:\r\n  name: ü\r\nspec: {selector: {app: \"é\", b: c}}\r\n"
	file, _ := Parse("in.yaml", src)
	selector := file.Objects[0].Spec("selector")
	for _, c := range []struct {
		n    *Node
		want string
	}{
		{file.Objects[0].Root.Get("metadata", "name"), "5:9-5:10"},
		{selector.Get("app"), "6:24-6:27"},
		{selector.Get("b"), "6:32-6:33"},
		{selector, "6:8-6:16"},
	} {
		s := file.Span(c.n)
		if got := fmt.Sprintf("%d:%d-%d:%d", s.Line, s.Column, s.EndLine, s.EndColumn); got != c.want {
			t.Errorf("%v stands at %s, want %s", c.n, got, c.want)
		}
	}
	if file.Line(5) != "  name: ü" {
		t.Errorf("line 5 is %q", file.Line(5))
	}
}

func TestLoadFolder(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("b/one.yaml", goodObject)
	write("a.yml", goodObject)
	write("notes.txt", "not: [read")
	write(".git/config.yaml", "not: [read")
	for link, target := range map[string]string{"b/loop": "..", "self.yaml": "self.yaml", "gone.yaml": "nowhere"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	big, err := os.Create(filepath.Join(dir, "big.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := big.Truncate(100 << 20); err != nil {
		t.Fatal(err)
	}
	big.Close()
	l := Loader{Stdin: strings.NewReader(goodObject)}
	in, err := l.Load(context.Background(), dir, "-", filepath.Join(dir, "absent"))
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, f := range in.Files {
		files = append(files, strings.TrimPrefix(f.Path, dir+"/"))
	}
	if got := strings.Join(files, " "); got != "a.yml b/one.yaml -" {
		t.Errorf("files %q", got)
	}
	var problems []string
	for _, p := range in.Problems {
		problems = append(problems, strings.TrimPrefix(p.Error(), dir+"/"))
	}
	want := "gone.yaml: no such file or folder\nself.yaml: a symbolic link that leads to itself\nabsent: no such file or folder\nbig.yaml: 100 MB, more than the limit of 32 MB; split it"
	if got := strings.Join(problems, "\n"); got != want {
		t.Errorf("problems\n%s\nwant\n%s", got, want)
	}
}

// TestLoadEachFileOnce: a file with several names is read once, and no link leads
// out of the folder that was named, or to what is hidden in it.
func TestLoadEachFileOnce(t *testing.T) {
	dir := t.TempDir()
	inside, outside := filepath.Join(dir, "inside"), filepath.Join(dir, "outside")
	for _, path := range []string{"inside/.hidden", "inside/sub", "outside"} {
		if err := os.MkdirAll(filepath.Join(dir, path), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"inside/.hidden/kept.yaml", "inside/sub/a.yaml", "inside/b.yaml", "outside/c.yaml"} {
		if err := os.WriteFile(filepath.Join(dir, path), []byte(goodObject), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{
		"out": outside, "out.yaml": filepath.Join(outside, "c.yaml"), "up": "../outside",
		"kept.yaml": ".hidden/kept.yaml", "b-again.yaml": "b.yaml", "sub-again": "sub",
	} {
		if err := os.Symlink(target, filepath.Join(inside, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(filepath.Join(inside, "b.yaml"), filepath.Join(inside, "sub", "hard.yaml")); err != nil {
		t.Fatal(err)
	}
	in, err := (&Loader{}).Load(context.Background(), inside, filepath.Join(inside, "sub", "a.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var files, problems []string
	for _, f := range in.Files {
		files = append(files, strings.TrimPrefix(f.Path, inside+"/"))
	}
	for _, p := range in.Problems {
		problems = append(problems, strings.ReplaceAll(p.Error(), inside, "."))
	}
	if got := strings.Join(files, " "); got != "b-again.yaml sub/a.yaml" {
		t.Errorf("files %q", got)
	}
	const text = ": a symbolic link that leaves .; name what it leads to, if it is to be read"
	if got, want := strings.Join(problems, "\n"), "./kept.yaml: a symbolic link leads to what is hidden; name that itself, if it is to be read\n./out"+text+"\n./out.yaml"+text+"\n./up"+text; got != want {
		t.Errorf("problems\n%s\nwant\n%s", got, want)
	}
	// A link that the user named is meant.
	if in, err = (&Loader{}).Load(context.Background(), filepath.Join(inside, "out")); err != nil || len(in.Files) != 1 || len(in.Problems) != 0 {
		t.Errorf("a link that was named: %v, %v", err, in)
	}
}

func TestLoadStopsWhenCancelled(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.yaml"), []byte(goodObject), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := (&Loader{}).Load(ctx, dir); err == nil {
		t.Error("no error from a cancelled context")
	}
}

// TestAliasesOfAllFilesAreBounded: a bomb may come in many small documents.
func TestAliasesOfAllFilesAreBounded(t *testing.T) {
	var text strings.Builder
	for i := range 60 {
		fmt.Fprintf(&text, "---\nkind: A%d\n", i)
		text.WriteString("x0: &x0 [a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a]\n")
		for level := 1; level <= 3; level++ {
			fmt.Fprintf(&text, "x%d: &x%d [%s]\n", level, level, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*x%d,", level-1), 12), ","))
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.yaml"), []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	in, err := new(Loader).Load(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, p := range in.Problems {
		said = append(said, p.Text)
	}
	if len(said) == 0 || !strings.Contains(said[len(said)-1], "the aliases of all files expand to more than 1000000 values") {
		t.Errorf("%d problems: %.500q", len(said), said)
	}
}
