package rules

import (
	"strconv"
	"strings"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

// springVersionLabel is set on images by the Spring Boot buildpack.
const springVersionLabel = "org.springframework.boot.version"

var springImmediateShutdown = &check.Rule{
	Name: "spring-immediate-shutdown", Family: "budget",
	Severity: findings.Warning, Confidence: findings.Certain,
	Title: "Spring Boot drops its requests at SIGTERM",
	Why: "With server.shutdown=immediate, the default before Spring Boot 3.4, the web server closes its connections as soon as " +
		"SIGTERM comes: the requests in flight are lost however long the grace period is.",
	Remedy: "Set SERVER_SHUTDOWN=graceful in the container's environment, or have injection set it, by lameduck.dev/framework: spring-boot.",
	Source: "https://docs.spring.io/spring-boot/reference/web/graceful-shutdown.html",
	Workload: func(p *check.Pass, w *workload.Workload) {
		for _, c := range w.Containers {
			s, set := c.Property("server.shutdown")
			if set && strings.EqualFold(strings.TrimSpace(s.Value), "immediate") {
				d := p.Report(s.Object, s.Node, "server.shutdown is immediate for container %s", c.Name).Of(w).In("immediate", 0)
				if strings.EqualFold(s.Node.Str(), "immediate") {
					d.Fix(manifest.Replace(s.Node, "graceful"))
				}
				continue
			}
			facts, _ := p.Images.Of(c.Image)
			version := facts.Labels[springVersionLabel]
			if !set && beforeGraceful(version) && !gracefulByInjection(w) {
				p.Report(w.Object, c.Node.Get("image"), "container %s runs Spring Boot %s, which shuts down immediately by default", c.Name, version)
			}
		}
	},
}

// beforeGraceful reports whether a version is known and before 3.4.
func beforeGraceful(version string) bool {
	major, rest, ok := strings.Cut(version, ".")
	if !ok {
		return false
	}
	minor, _, _ := strings.Cut(rest, ".")
	a, err1 := strconv.Atoi(major)
	b, err2 := strconv.Atoi(minor)
	return err1 == nil && err2 == nil && (a < 3 || a == 3 && b < 4)
}
