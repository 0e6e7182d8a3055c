package examples

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/graceful-examples.md anew")

// TestDocs holds the pages of examples to the programs, which the compiler has seen.
func TestDocs(t *testing.T) {
	for page, text := range map[string]struct{ title, other, intro string }{
		"../../docs/graceful-examples.md":    {"# Examples of graceful", "*[中文](zh/graceful-examples.md)*", "Each is a program in [graceful/examples](../graceful/examples); a test holds this page to them. The guide: [graceful](graceful.md)."},
		"../../docs/zh/graceful-examples.md": {"# graceful 的示例", "*[English](../graceful-examples.md)*", "每个示例都是 [graceful/examples](../../graceful/examples) 中的一个程序，由测试保证与本页一致。指南：[graceful](graceful.md)。"},
	} {
		var want strings.Builder
		fmt.Fprintf(&want, "%s\n\n%s\n\n%s\n", text.title, text.other, text.intro)
		for _, name := range []string{"nethttp", "chi", "gin", "echo", "grpc", "queue"} {
			code, err := os.ReadFile(filepath.Join(name, "main.go"))
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&want, "\n## %s\n\n```go\n%s```\n", name, code)
		}
		if *update {
			if err := os.WriteFile(page, []byte(want.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if got, err := os.ReadFile(page); err != nil || string(got) != want.String() {
			t.Errorf("%s is stale (%v): GOWORK=off go test . -update", page, err)
		}
	}
}
