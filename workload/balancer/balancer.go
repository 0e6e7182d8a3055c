// Package balancer knows the load balancers outside the cluster: by which annotations Services and
// Ingresses ask for them, and for how long each may go on sending to a pod that leaves.
package balancer

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// Learns is how long it takes until a load balancer that has pods for targets sends no new
	// connection to one that leaves: its controller has to see the slice, call the cloud's interface,
	// and that has to reach every proxy. 6 to 12 s were seen on GKE, about 19 s on an ALB.
	Learns = 20 * time.Second

	// MostFollowed bounds how much of a written delay a pod is held up for: AWS's own default.
	MostFollowed = 5 * time.Minute
)

// Object is a Service or an Ingress.
type Object struct {
	Kind       string // Service or Ingress
	Class      string // ingressClassName or loadBalancerClass
	External   bool   // a Service of type LoadBalancer
	Local      bool   // a Service with externalTrafficPolicy Local
	Annotation func(key string) string
}

// Balancer is a load balancer that an object asks for.
type Balancer struct {
	Name string
	// ToPods: its targets are the pods' own addresses, so no kube-proxy stands between.
	ToPods bool
	// ByRequest: it chooses a target for each request, and its delay is for requests that are open.
	// Others choose one for each connection, and send over it for as long as it stands.
	ByRequest bool
	// Learns is how long it may take to learn that a pod leaves.
	Learns time.Duration
	// Delay is for how long it lets connections to a target go on that it was told to leave. Written
	// says that somebody set it, in the annotation Key; else it is the cloud's default.
	Delay   time.Duration
	Written bool
	Key     string
	// Health is how long its health checks take to find out, for a node without a pod.
	Health time.Duration
	// Local: it sends to the nodes that have a pod, which its health checks find.
	Local bool
}

// Sends is for how long it goes on sending new requests to a pod, or to its node, once the pod leaves;
// 0 if its targets are nodes whatever runs there, since kube-proxy cuts it off.
//
// One that chooses a target for each connection sends over those that stand for the whole delay. A
// default that nobody wrote counts for nothing: AWS's is 300 s.
func (b Balancer) Sends() time.Duration {
	if b.ByRequest {
		return b.learns()
	}
	return b.Bound()
}

// Bound is the longest that a pod is held up for it, if its peers go on sending: as Sends, and for the
// delay of one that chooses a target for each request, too. Requests were seen to arrive while such a
// one said that its target was draining.
func (b Balancer) Bound() time.Duration {
	if b.ToPods && b.Written {
		return b.Learns + min(b.Delay, MostFollowed)
	}
	return b.learns()
}

func (b Balancer) learns() time.Duration {
	switch {
	case b.ToPods:
		return b.Learns
	case b.Local:
		return b.Health
	}
	return 0
}

// Of finds the load balancer that an object asks for.
func Of(o Object) (Balancer, bool) {
	for i := range table {
		if r := &table[i]; r.matches(o) {
			return r.read(o), true
		}
	}
	return Balancer{}, false
}

// Draining is b with a delay that another object sets: Google's BackendConfig or GCPBackendPolicy.
func (b Balancer) Draining(delay time.Duration) Balancer {
	b.Delay, b.Written, b.Key = delay, true, ""
	return b
}

// gates are the readiness gates by which controllers mark the pods that a load balancer has for targets.
var gates = []struct{ prefix, name string }{
	{"target-health.elbv2.k8s.aws/", "AWS target group"},
	{"target-health.alb.ingress.k8s.aws/", "AWS target group"},
	{"cloud.google.com/load-balancer-neg-ready", "Google NEG"},
}

// OfGate finds the load balancer that a pod's readiness gate is about. How it is set up is not known from
// that.
func OfGate(condition string) (Balancer, bool) {
	for _, gate := range gates {
		if strings.HasPrefix(condition, gate.prefix) {
			return Balancer{Name: gate.name, ToPods: true, Learns: Learns}, true
		}
	}
	return Balancer{}, false
}

// maxSeconds is more than any cloud allows.
const maxSeconds = 24 * 60 * 60

func (r *row) matches(o Object) bool {
	if r.on != o.Kind {
		return false
	}
	for _, m := range r.marks {
		if m.holds(o.Annotation) {
			return true
		}
	}
	return slices.Contains(r.classes, o.Class)
}

func (r *row) read(o Object) Balancer {
	b := Balancer{Name: r.name, ByRequest: r.byRequest, Learns: Learns, Local: o.Kind == "Service" && o.External && o.Local, Delay: r.delayDefault}
	if r.learns > 0 {
		b.Learns = r.learns
	}
	b.ToPods = r.alwaysPods
	for _, m := range r.toPods {
		b.ToPods = b.ToPods || m.holds(o.Annotation)
	}
	if r.delay.key != "" && (r.enabled.key == "" || r.enabled.holds(o.Annotation)) {
		if r.enabled.key != "" {
			b.Delay, b.Written, b.Key = r.enabledDefault, true, r.enabled.key
		}
		if d, ok := r.delay.of(o.Annotation); ok {
			b.Delay, b.Written, b.Key = d, true, r.delay.key
		}
	}
	interval, failures := r.intervalDefault, r.failuresDefault
	if d, ok := r.interval.of(o.Annotation); ok {
		interval = d
	}
	if n, ok := r.failures.of(o.Annotation); ok {
		failures = int(n / time.Second)
	}
	b.Health = min(time.Duration(failures)*interval, maxSeconds*time.Second)
	return b
}

// mark is an annotation that says something when it is one of the values, or is there at all.
type mark struct {
	key    string
	values []string // none: any; one that begins with a quote is a part of a JSON text
}

func (m mark) holds(annotation func(string) string) bool {
	text := strings.TrimSpace(annotation(m.key))
	for _, value := range m.values {
		if strings.EqualFold(value, text) || value[0] == '"' && strings.Contains(text, value) {
			return true
		}
	}
	return len(m.values) == 0 && text != ""
}

// value is a number of seconds, or of times, in an annotation: alone, or as one of its a=1,b=2.
type value struct{ key, in string }

func (v value) of(annotation func(string) string) (time.Duration, bool) {
	if v.key == "" {
		return 0, false
	}
	text := annotation(v.key)
	if v.in != "" {
		found := ""
		for pair := range strings.SplitSeq(text, ",") {
			if key, is, ok := strings.Cut(pair, "="); ok && strings.TrimSpace(key) == v.in {
				found = is
			}
		}
		text = found
	}
	return Seconds(text)
}

// Seconds reads a whole number of seconds, cut to a day.
func Seconds(text string) (time.Duration, bool) {
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 63)
	if err != nil {
		return 0, false
	}
	return time.Duration(min(n, maxSeconds)) * time.Second, true
}
