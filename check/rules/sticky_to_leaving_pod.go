package rules

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

const (
	traefikSticky = "traefik.ingress.kubernetes.io/service.sticky.cookie"
	traefikNative = "traefik.ingress.kubernetes.io/service.nativelb"
)

var stickyToLeavingPod = &check.Rule{
	Name: "sticky-to-leaving-pod", Family: "routing",
	Severity: findings.Warning, Confidence: findings.Possible,
	Title: "Traefik's sticky clients go on to a pod that leaves, until it refuses them",
	Why: "From 3.3 on, Traefik sends new clients elsewhere when a pod begins to leave, but those with its cookie still to it, for as long as the " +
		"pod says that it serves. No wait ends that: they send until the pod has stopped, and each request until Traefik has heard of that is lost.",
	Remedy: "Keep sessions outside the pods and take the cookie away, or send through the Service's address (nativeLB).",
	Source: "https://github.com/traefik/traefik/blob/v3.7/pkg/server/service/loadbalancer/wrr/wrr.go (fenced), https://doc.traefik.io/traefik/v3.3/migration/v3/",
	Service: func(p *check.Pass, s *workload.Service) {
		at, on := stickyOf(s)
		if at == nil {
			return
		}
		confidence := findings.Possible
		switch keeps, known := traefikKeeps(p.Input); {
		case known && !keeps:
			return
		case known:
			confidence = findings.Likely
		}
		for _, w := range s.Workloads {
			if replaced(w) && !w.Finite() {
				p.Report(on, at, "clients with a cookie are sent to a pod of %s for as long as it serves, also while it leaves", w).
					As(findings.Warning, confidence).Of(w)
			}
		}
	},
}

// stickyOf is where a Service's pods are made sticky for Traefik, nil if they are not.
func stickyOf(s *workload.Service) (at *manifest.Node, on *manifest.Object) {
	if at := s.Root.Get("metadata", "annotations", traefikSticky); at.Str() == "true" && s.Annotation(traefikNative) != "true" {
		return at, s.Object
	}
	for _, route := range s.Input.Kind("IngressRoute") {
		for rule := range route.Spec("routes").All() {
			for to := range rule.Get("services").All() {
				namespace := cmp.Or(to.Get("namespace").Str(), route.Namespace)
				if cookie := to.Get("sticky", "cookie"); cookie != nil && to.Get("name").Str() == s.Name && namespace == s.Namespace && !to.Get("nativeLB").IsTrue() {
					return to.Get("sticky"), route
				}
			}
		}
	}
	return nil, nil
}

// traefikKeeps reports whether the input's Traefik sends sticky clients to pods that leave, by the
// versions of its images; known is false if it has none that can be told.
func traefikKeeps(in *workload.Set) (keeps, known bool) {
	for _, w := range in.Workloads {
		for _, c := range w.Containers {
			major, minor, ok := version(c.Tag())
			if c.ImageName() == "traefik" && ok {
				known = true
				keeps = keeps || major > 3 || major == 3 && minor >= 3
			}
		}
	}
	return keeps, known
}

// version reads v3.7.13, 3.7, 3.7-alpine.
func version(tag string) (major, minor int, ok bool) {
	parts := strings.Split(strings.TrimPrefix(tag, "v"), ".")
	if len(parts) < 2 {
		return 0, 0, false
	}
	minorText := parts[1]
	if i := slices.IndexFunc([]byte(minorText), func(b byte) bool { return b < '0' || b > '9' }); i >= 0 {
		minorText = minorText[:i]
	}
	major, err := strconv.Atoi(parts[0])
	minor, minorErr := strconv.Atoi(minorText)
	return major, minor, err == nil && minorErr == nil
}
