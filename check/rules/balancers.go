package rules

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/workload"
	"github.com/lameduck-dev/lameduck/workload/balancer"
)

// balanced is a load balancer outside the cluster, and where its delay is set.
type balanced struct {
	balancer.Balancer
	object *manifest.Object // that asks for it
	set    *manifest.Object // that sets the delay; nil: nobody does
	at     *manifest.Node   // the delay there
}

const balancerSeen = "6 to 12 s seen on GKE, about 19 s on an ALB"

// whySoLong says why it may send for so long.
func (b balanced) whySoLong() string {
	switch {
	case !b.ToPods && b.Sends() > 0:
		return fmt.Sprintf("its health checks take %d s to find that a node has no pod", seconds(b.Health))
	case b.ToPods && b.Sends() > b.Learns:
		return fmt.Sprintf("%d s to learn, then %d s over connections that stand", seconds(b.Learns), seconds(min(b.Delay, balancer.MostFollowed)))
	case b.Learns > balancer.Learns:
		return fmt.Sprintf("its manual asks for a wait of %d s", seconds(b.Learns))
	}
	return balancerSeen
}

// balancersOf are the load balancers that a Service, its Ingresses and the objects about it ask for.
func balancersOf(s *workload.Service) []balanced {
	var all []balanced
	if b, ok := balancerBy(s.Object, s); ok {
		all = append(all, b)
	}
	for _, route := range s.Routes {
		if b, ok := balancerBy(route, s); ok {
			all = append(all, b)
		}
	}
	for _, binding := range s.Input.Kind("TargetGroupBinding") {
		if binding.Namespace == s.Namespace && binding.Spec("serviceRef", "name").Str() == s.Name {
			group := balancer.Balancer{Name: "AWS target group", Learns: balancer.Learns, ToPods: binding.Spec("targetType").Str() == "ip"}
			all = append(all, balanced{Balancer: group, object: binding})
		}
	}
	return all
}

func balancerBy(o *manifest.Object, s *workload.Service) (balanced, bool) {
	class := o.Spec("ingressClassName")
	if o.Kind == "Service" {
		class = o.Spec("loadBalancerClass")
	}
	found, ok := balancer.Of(balancer.Object{
		Kind: o.Kind, Class: class.Str(), External: o.Spec("type").Str() == "LoadBalancer",
		Local: o.Spec("externalTrafficPolicy").Str() == "Local", Annotation: o.Annotation,
	})
	if !ok {
		return balanced{}, false
	}
	b := balanced{Balancer: found, object: o}
	if b.Written {
		b.set, b.at = o, o.Root.Get("metadata", "annotations", b.Key)
	}
	if object, at := googleDraining(s); at != nil && b.ToPods {
		if delay, ok := balancer.Seconds(at.Str()); ok {
			b.Balancer, b.set, b.at = b.Draining(delay), object, at
		}
	}
	return b, true
}

// googleDraining is the delay that Google's objects set for a Service.
func googleDraining(s *workload.Service) (*manifest.Object, *manifest.Node) {
	for _, policy := range s.Input.Kind("GCPBackendPolicy") {
		target := policy.Spec("targetRef")
		if policy.Namespace == s.Namespace && target.Get("kind").Str() == "Service" && target.Get("name").Str() == s.Name {
			if at := policy.Spec("default", "connectionDraining", "drainingTimeoutSec"); at != nil {
				return policy, at
			}
		}
	}
	var named struct {
		Default string            `json:"default"`
		Ports   map[string]string `json:"ports"`
	}
	if json.Unmarshal([]byte(s.Annotation(balancer.BackendConfigKey)), &named) != nil {
		return nil, nil
	}
	for _, name := range append([]string{named.Default}, slices.Sorted(maps.Values(named.Ports))...) {
		if config := s.Input.Find(s.Object, "BackendConfig", s.Namespace, name); config != nil {
			if at := config.Spec("connectionDraining", "drainingTimeoutSec"); at != nil {
				return config, at
			}
		}
	}
	return nil, nil
}

// healthTime is how long the health checks of a Service's load balancer take to leave a node, in seconds.
func healthTime(s *workload.Service) int64 {
	for _, b := range balancersOf(s) {
		if b.Local && b.Health > 0 {
			return seconds(b.Health)
		}
	}
	return healthCheckTime
}
