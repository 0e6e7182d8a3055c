package caches

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables of the guides")

// TestGuidesSayTheSame: the tables in the guides are this one.
func TestGuidesSayTheSame(t *testing.T) {
	for _, tt := range []struct{ file, head string }{
		{"../../docs/registries.md", "| registry | seen to go on for | waited for at most, where no silence is seen |\n|---|---|---|\n"},
		{"../../docs/zh/registries.md", "| 注册中心 | 曾看到继续发送 | 看不到静默时最多等待 |\n|---|---|---|\n"},
	} {
		table := tt.head
		for _, row := range All {
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
	seconds := func(t Times) string { return fmt.Sprintf("%g s", t.Most.Seconds()) }
	for file, sentences := range map[string][]string{
		"registries.md": {
			seconds(Spring) + " for Nacos, " + seconds(Eureka) + " for Eureka (" + fmt.Sprintf("%g s", (Eureka.Most-EurekaServer).Seconds()),
			seconds(Dubbo) + " are waited where no silence is seen, as long as a Nacos consumer",
			"At most " + seconds(Etcd) + " are waited", seconds(Eureka) + " for Eureka, and where it is not known; " + seconds(Spring) + " for the others",
		},
		"eureka.md": {seconds(Eureka) + " in the worst case", "at most " + seconds(Eureka)},
		"nacos.md":  {seconds(Spring)},
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
