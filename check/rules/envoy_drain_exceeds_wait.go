package rules

import (
	"strconv"
	"strings"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

// envoyDrainDefault is --drain-time-s where it is not set, in seconds (Envoy,
// command line options).
const envoyDrainDefault = 600

var envoyDrainExceedsWait = &check.Rule{
	Name: "envoy-drain-exceeds-wait", Family: "budget",
	Severity: findings.Warning, Confidence: findings.Certain,
	Title: "Envoy spreads its graceful drain over longer than the hook waits",
	Why: "After drain_listeners?graceful Envoy goes on accepting and asks its clients to leave, more and more of them over --drain-time-s " +
		"(600 s by default). A hook that waits 20 s has asked 3 % of them; SIGTERM, on which Envoy does not drain, cuts the connections of the rest.",
	Remedy: "Set --drain-time-s a little below the wait after the call, or --drain-strategy immediate.",
	Source: "https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/operations/draining",
	Workload: func(p *check.Pass, w *workload.Workload) {
		for _, c := range w.Running() {
			if !strings.HasPrefix(c.ImageName(), "envoy") && !runs(c, "envoy") || !drainsGracefully(c.PreStop) {
				continue
			}
			if strategy, _, _ := c.Flag("drain-strategy"); strategy == "immediate" {
				continue
			}
			wait, at := c.PreStop.Wait()
			drain, how, confidence := int64(envoyDrainDefault), " (by default)", findings.Likely
			if value, node, ok := c.Flag("drain-time-s"); ok {
				seconds, err := strconv.ParseInt(value, 10, 64)
				if err != nil {
					continue // from a variable
				}
				drain, how, confidence, at = seconds, "", findings.Certain, node
			}
			if wait > 0 && wait < drain {
				p.Report(w.Object, at, "Envoy in container %s drains for %d s%s, preStop waits %d s", c.Name, drain, how, wait).
					As(findings.Warning, confidence)
			}
		}
	},
}

// drainsGracefully reports whether a hook starts Envoy's graceful drain and
// nothing that makes it ask every client at once.
func drainsGracefully(h *workload.Hook) bool {
	graceful := false
	for _, command := range h.Script().Commands {
		text := command.String()
		if strings.Contains(text, "/healthcheck/fail") {
			return false
		}
		graceful = graceful || strings.Contains(text, "/drain_listeners?") && strings.Contains(text, "graceful")
	}
	return graceful
}
