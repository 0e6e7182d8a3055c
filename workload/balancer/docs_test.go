package balancer

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables of the pages")

const begin, end = "<!-- The table: go test ./workload/balancer -update -->\n", "<!-- end of the table -->\n"

// TestPages holds the pages' table to this one.
func TestPages(t *testing.T) {
	for path, head := range map[string]string{
		"../../docs/load-balancers.md":    "| load balancer | object | targets are pods | delay, and its default | health checks, and their default | source |\n",
		"../../docs/zh/load-balancers.md": "| 负载均衡器 | 对象 | 目标是 Pod | 延迟及其默认值 | 健康检查及其默认值 | 来源 |\n",
	} {
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		before, rest, ok := strings.Cut(string(page), begin)
		was, after, closed := strings.Cut(rest, end)
		if !ok || !closed {
			t.Fatalf("%s has no table", path)
		}
		now := head + "|---|---|---|---|---|---|\n"
		for i := range table {
			now += table[i].line()
		}
		if was != now && *update {
			if err := os.WriteFile(path, []byte(before+begin+now+end+after), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if was != now {
			t.Errorf("%s is stale: run this test with -update", path)
		}
	}
}

func (r *row) line() string {
	var pods []string
	for _, m := range r.toPods {
		pods = append(pods, "`"+m.key+": "+strings.Join(m.values, "/")+"`")
	}
	if r.alwaysPods {
		for _, m := range r.marks {
			pods = append(pods, "`"+m.key+"`")
		}
	}
	delay, health := "–", "–"
	if r.delay.key != "" {
		name := "`" + r.delay.key + "`"
		if r.delay.in != "" {
			name += " `" + r.delay.in + "`"
		}
		if r.enabled.key != "" {
			name = "`" + r.enabled.key + "`, " + name
		}
		delay = fmt.Sprintf("%s; %v", name, cmp.Or(r.delayDefault, r.enabledDefault))
	}
	if r.failuresDefault > 0 {
		health = fmt.Sprintf("%d × %v", r.failuresDefault, r.intervalDefault)
		if r.interval.key != "" {
			health = "`" + r.failures.key + "`, `" + r.interval.key + "`; " + health
		}
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | [read](%s) |\n", r.name, r.on, cmp.Or(strings.Join(pods, ", "), "–"), delay, health, r.source)
}
