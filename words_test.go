package lameduck_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// kept are the words of the design's glossary that mean one thing each, with the folders in which
// they do: the rows of the table whose last column names folders.
func kept(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("docs/design.md")
	if err != nil {
		t.Fatal(err)
	}
	words := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 3 || !strings.HasPrefix(strings.TrimSpace(cells[2]), "`") {
			continue
		}
		for folder := range strings.SplitSeq(cells[2], ",") {
			word := strings.TrimSpace(cells[0])
			words[word] = append(words[word], strings.Trim(folder, " `"))
		}
	}
	if len(words) < 5 {
		t.Fatalf("docs/design.md keeps %d words only", len(words))
	}
	return words
}

// vague are names that say what is done and not to what.
var vague = []string{"keep", "take", "see", "saw", "hear", "tell", "say", "said", "note", "give"}

// writers say to somebody what their arguments are: nothing is left to name.
var writers = []string{"agent/command.say", "cmd/lameduck/command.say"}

// declared calls do with every name that a source file declares.
func declared(file *ast.File, do func(id *ast.Ident, function bool)) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			do(n.Name, true)
		case *ast.TypeSpec:
			do(n.Name, false)
		case *ast.ValueSpec:
			for _, id := range n.Names {
				do(id, false)
			}
		case *ast.Field:
			for _, id := range n.Names {
				do(id, false)
			}
		case *ast.AssignStmt:
			for _, left := range n.Lhs {
				if id, ok := left.(*ast.Ident); ok && n.Tok == token.DEFINE {
					do(id, false)
				}
			}
		}
		return true
	})
}

// TestOneWordOneThing: a kept word is part of a name only where it has its one meaning, and no
// function has a name without its object.
func TestOneWordOneThing(t *testing.T) {
	words := kept(t)
	used := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			if path == "test" || entry.Name() == "testdata" || path != "." && entry.Name()[0] == '.' {
				return fs.SkipDir
			}
			return nil
		case !strings.HasSuffix(path, ".go"), strings.HasSuffix(path, "_test.go"):
			return nil
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(path))
		declared(file, func(id *ast.Ident, function bool) {
			for word, folders := range words {
				if !strings.Contains(strings.ToLower(id.Name), word) {
					continue
				}
				used[word] = true
				if !slices.ContainsFunc(folders, func(folder string) bool { return dir == folder || strings.HasPrefix(dir, folder+"/") }) {
					t.Errorf("%s: %s: %s means another thing (docs/design.md)", files.Position(id.Pos()), id.Name, word)
				}
			}
			if function && slices.Contains(vague, id.Name) && !slices.Contains(writers, dir+"."+id.Name) {
				t.Errorf("%s: %s says nothing of its object", files.Position(id.Pos()), id.Name)
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for word := range words {
		if !used[word] {
			t.Errorf("docs/design.md keeps the word %q, which no name has", word)
		}
	}
}
