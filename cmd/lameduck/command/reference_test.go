package command

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

var update = flag.Bool("update", false, "write the generated pages anew")

// referenceDir holds the generated CLI reference; -update writes it anew.
const referenceDir = "../../../docs/cli"

func TestReferenceIsFresh(t *testing.T) {
	root := newRoot(testBuild)
	root.DisableAutoGenTag = true
	root.InitDefaultHelpCmd()
	wanted := map[string]bool{}
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		if !cmd.IsAvailableCommand() && cmd.HasParent() || cmd.Name() == "help" {
			return
		}
		var page bytes.Buffer
		page.WriteString("<!-- Generated from the command's own help: go test ./cmd/lameduck/command -run Reference -update -->\n")
		if err := doc.GenMarkdown(cmd, &page); err != nil {
			t.Fatal(err)
		}
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "_") + ".md"
		wanted[name] = true
		path := filepath.Join(referenceDir, name)
		if *update {
			if err := os.MkdirAll(referenceDir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, page.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		written, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(written, page.Bytes()) {
			t.Errorf("%s is stale (%v): run this test with -update", path, err)
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(root)
	pages, err := os.ReadDir(referenceDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		if !wanted[page.Name()] {
			t.Errorf("%s/%s is of a command that is no more: remove it", referenceDir, page.Name())
		}
	}
}
