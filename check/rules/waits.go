package rules

import (
	"regexp"
	"strings"

	"github.com/lameduck-dev/lameduck/workload"
)

// delayAnnotation tells that the application itself keeps accepting requests
// for that many seconds after SIGTERM.
const delayAnnotation = "lameduck.dev/shutdown-delay-seconds"

// delayFlag matches flags and variables by which servers delay their own stop
// after SIGTERM: --shutdown-delay-duration (kube-apiserver),
// --shutdown-grace-period (ingress-nginx), requestAcceptGraceTimeout (Traefik).
var delayFlag = regexp.MustCompile(`(?i)(shutdown|termination|drain|pre-?stop)[-_.]?(delay|wait|sleep|grace-?period)|request-?accept-?grace-?time-?out|lame-?duck`)

// delayConfig matches the same in mounted configuration: CoreDNS' lameduck,
// Caddy's shutdown_delay, Traefik's requestAcceptGraceTimeout.
var delayConfig = regexp.MustCompile(`(?mi)^\s*(lameduck|shutdown_delay|requestAcceptGraceTimeout)\b`)

// drainers are images whose entry point drains on SIGTERM before it stops
// accepting, by default.
var drainers = []string{"istio/proxyv2", "queue-proxy"}

// waitsByItself reports whether a container is known to keep accepting for a
// while after SIGTERM, so that it needs no hook.
func waitsByItself(c *workload.Container) bool {
	if c.Pod.PodAnnotation(delayAnnotation) != nil {
		return true
	}
	for _, arg := range c.Args() {
		if delayFlag.MatchString(arg) {
			return true
		}
	}
	for e := range c.Node.Get("env").All() {
		if delayFlag.MatchString(e.Get("name").Str()) {
			return true
		}
	}
	for _, image := range drainers {
		if strings.HasSuffix(c.ImageRepo(), image) {
			return true
		}
	}
	if c.Node.Get("volumeMounts") == nil {
		return false
	}
	for _, file := range c.Files() {
		if delayConfig.MatchString(file.Value) {
			return true
		}
	}
	return false
}
