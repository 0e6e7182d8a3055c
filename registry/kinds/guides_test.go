package kinds

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/lameduck-dev/lameduck/registry/caches"
	"github.com/lameduck-dev/lameduck/registry/dubbo"
	"github.com/lameduck-dev/lameduck/registry/etcd"
	"github.com/lameduck-dev/lameduck/registry/eureka"
)

var update = flag.Bool("update", false, "write the tables of the guides")

// rows are the caches of all kinds, each once: several may have the same.
func rows() (all []caches.Times) {
	for _, kind := range All {
		if !slices.Contains(all, kind.Caches) {
			all = append(all, kind.Caches)
		}
	}
	return all
}

// TestGuidesSayTheSame: the tables in the guides are the kinds' own.
func TestGuidesSayTheSame(t *testing.T) {
	for _, tt := range []struct{ file, head string }{
		{"../../docs/registries.md", "| registry | seen to go on for | waited for at most, where no silence is seen |\n|---|---|---|\n"},
		{"../../docs/zh/registries.md", "| 注册中心 | 曾看到继续发送 | 看不到静默时最多等待 |\n|---|---|---|\n"},
	} {
		table := tt.head
		for _, row := range rows() {
			table += fmt.Sprintf("| %s | %g s | %g s |\n", row.Name, row.Seen.Seconds(), row.Most.Seconds())
		}
		data, err := os.ReadFile(tt.file)
		if err != nil {
			t.Fatal(err)
		}
		text := string(data)
		start := strings.Index(text, tt.head)
		if start < 0 {
			t.Errorf("%s has no table of caches", tt.file)
			continue
		}
		end := strings.Index(text[start:]+"\n\n", "\n\n") + start + 1
		if text[start:end] == table {
			continue
		}
		if !*update {
			t.Errorf("%s says\n%swant (-update writes it)\n%s", tt.file, text[start:end], table)
			continue
		}
		if err := os.WriteFile(tt.file, []byte(text[:start]+table+text[end:]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestGuidesNameNoOther: figures in the guides' sentences are those of the table.
func TestGuidesNameNoOther(t *testing.T) {
	seconds := func(t caches.Times) string { return fmt.Sprintf("%g s", t.Most.Seconds()) }
	for file, sentences := range map[string][]string{
		"registries.md": {
			seconds(caches.Spring) + " for Nacos, " + seconds(eureka.Kind.Caches) + " for Eureka (" + fmt.Sprintf("%g s", (eureka.Kind.Caches.Most-eureka.ServerCache).Seconds()),
			"Where no silence is seen, the agent waits " + seconds(dubbo.Kind.Caches),
			"At most " + seconds(etcd.Kind.Caches) + " are waited", seconds(eureka.Kind.Caches) + " for Eureka, or where it is not known; " + seconds(caches.Spring) + " for the others",
		},
		"eureka.md": {seconds(eureka.Kind.Caches) + " in the worst case", "at most " + seconds(eureka.Kind.Caches)},
		"nacos.md":  {seconds(caches.Spring)},
	} {
		data, err := os.ReadFile("../../docs/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, sentence := range sentences {
			if !strings.Contains(string(data), sentence) {
				t.Errorf("docs/%s does not say %q", file, sentence)
			}
		}
	}
}
