package balancer

import (
	"strings"
	"testing"
	"time"
)

const s = time.Second

func TestBound(t *testing.T) {
	type annotations = map[string]string
	tests := []struct {
		name    string
		object  Object
		set     annotations
		balance string // its name; "" for none
		bound   time.Duration
		delay   time.Duration
	}{
		{"nothing said", Object{Kind: "Service"}, nil, "", 0, 0},
		{"a Service that any cloud may serve", Object{Kind: "Service", External: true}, nil, "", 0, 0},
		{"NLB to nodes", Object{Kind: "Service", External: true, Class: "service.k8s.aws/nlb"}, nil, "AWS NLB", 0, 300 * s},
		{"NLB to the nodes that have a pod", Object{Kind: "Service", External: true, Local: true, Class: "service.k8s.aws/nlb"},
			annotations{awsPrefix + "healthcheck-interval": "5", awsPrefix + "healthcheck-unhealthy-threshold": "2"}, "AWS NLB", 10 * s, 300 * s},
		{"NLB to pods, AWS's delay", Object{Kind: "Service", External: true}, annotations{awsPrefix + "nlb-target-type": "ip"}, "AWS NLB", 20 * s, 300 * s},
		{"NLB to pods, their own delay", Object{Kind: "Service", External: true},
			annotations{awsPrefix + "nlb-target-type": "ip", awsPrefix + "target-group-attributes": "preserve_client_ip.enabled=true, deregistration_delay.timeout_seconds=45"}, "AWS NLB", 65 * s, 45 * s},
		{"a delay longer than anyone is held up", Object{Kind: "Service", External: true},
			annotations{awsPrefix + "type": "nlb-ip", awsPrefix + "target-group-attributes": "deregistration_delay.timeout_seconds=3600"}, "AWS NLB", 320 * s, 3600 * s},
		{"ALB to pods", Object{Kind: "Ingress", Class: "alb"}, annotations{albPrefix + "target-type": "ip", albPrefix + "target-group-attributes": "deregistration_delay.timeout_seconds=30"}, "AWS ALB", 50 * s, 30 * s},
		{"ALB to nodes", Object{Kind: "Ingress", Class: "alb"}, annotations{albPrefix + "target-group-attributes": "deregistration_delay.timeout_seconds=30"}, "AWS ALB", 0, 30 * s},
		{"an ALB's delay on the Service", Object{Kind: "Service"}, annotations{albPrefix + "target-type": "ip", albPrefix + "target-group-attributes": "deregistration_delay.timeout_seconds=15"}, "AWS ALB", 35 * s, 15 * s},
		{"Alibaba's ALB shares the prefix", Object{Kind: "Ingress", Class: "alb"}, annotations{albPrefix + "connection-drain-enabled": "true", albPrefix + "connection-drain-timeout": "199"}, "Alibaba ALB", 219 * s, 199 * s},
		{"Alibaba's ALB, switched on", Object{Kind: "Ingress", Class: "alb"}, annotations{albPrefix + "connection-drain-enabled": "true"}, "Alibaba ALB", 320 * s, 300 * s},
		{"Alibaba's NLB", Object{Kind: "Service", External: true}, annotations{alibabaPrefix + "connection-drain": "on", alibabaPrefix + "connection-drain-timeout": "30", "service.beta.kubernetes.io/backend-type": "eni"}, "Alibaba CLB or NLB", 50 * s, 30 * s},
		{"Alibaba's NLB, switched off", Object{Kind: "Service", External: true}, annotations{alibabaPrefix + "connection-drain": "off", alibabaPrefix + "connection-drain-timeout": "30", "service.beta.kubernetes.io/backend-type": "eni"}, "Alibaba CLB or NLB", 20 * s, 0},
		{"Tencent's CLB", Object{Kind: "Service", External: true}, annotations{"service.cloud.tencent.com/direct-access": "true"}, "Tencent CLB", 20 * s, 0},
		{"Tencent's CLB to nodes", Object{Kind: "Service", External: true}, annotations{"service.cloud.tencent.com/direct-access": "false"}, "", 0, 0},
		{"GKE's endpoint group", Object{Kind: "Service"}, annotations{negKey: `{"ingress": true}`}, "Google NEG", 20 * s, 0},
		{"GKE's endpoint group, of its own", Object{Kind: "Service"}, annotations{negKey: `{"exposed_ports": {"80":{"name": "web"}}}`}, "Google NEG", 20 * s, 0},
		{"GKE's endpoint group, switched off", Object{Kind: "Service"}, annotations{negKey: `{"ingress": false}`}, "", 0, 0},
		{"GKE's network load balancer", Object{Kind: "Service", External: true, Local: true}, annotations{"cloud.google.com/l4-rbs": "enabled"}, "Google NLB", 24 * s, 30 * s},
		{"Azure's probes", Object{Kind: "Service", External: true, Local: true}, annotations{azurePrefix + "health-probe-interval": "10", azurePrefix + "health-probe-num-of-probe": "4"}, "Azure LB", 40 * s, 0},
		{"Azure's gateway", Object{Kind: "Ingress", Class: "azure-application-gateway"}, annotations{appgwPrefix + "connection-draining": "true", appgwPrefix + "connection-draining-timeout": "60"}, "Application Gateway", 150 * s, 60 * s},
		{"Azure's gateway, not draining", Object{Kind: "Ingress", Class: "azure-application-gateway"}, annotations{appgwPrefix + "connection-draining-timeout": "60"}, "Application Gateway", 90 * s, 0},
		{"a Classic Load Balancer", Object{Kind: "Service", External: true, Local: true}, annotations{awsPrefix + "connection-draining-enabled": "true", awsPrefix + "connection-draining-timeout": "60"}, "AWS Classic LB", 60 * s, 60 * s},
		{"a delay that is no number", Object{Kind: "Service", External: true}, annotations{awsPrefix + "nlb-target-type": "ip", awsPrefix + "target-group-attributes": "deregistration_delay.timeout_seconds=-1"}, "AWS NLB", 20 * s, 300 * s},
		{"a delay that would overflow", Object{Kind: "Service", External: true, Local: true}, annotations{awsPrefix + "type": "external", awsPrefix + "healthcheck-interval": "99999999999", awsPrefix + "healthcheck-unhealthy-threshold": "99999999999"}, "AWS NLB", 24 * time.Hour, 300 * s},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.object.Annotation = func(key string) string { return tt.set[key] }
			got, _ := Of(tt.object)
			if got.Name != tt.balance || got.Bound() != tt.bound || got.Delay != tt.delay {
				t.Errorf("%q sends for up to %v with a delay of %v, want %q, %v, %v", got.Name, got.Bound(), got.Delay, tt.balance, tt.bound, tt.delay)
			}
		})
	}
}

func TestDraining(t *testing.T) {
	neg, _ := Of(Object{Kind: "Service", Annotation: func(key string) string { return map[string]string{negKey: `{"ingress":true}`}[key] }})
	if got := neg.Draining(40 * s); got.Bound() != 60*s || got.Sends() != 20*s {
		t.Errorf("sends for %v, at most %v", got.Sends(), got.Bound())
	}
}

func TestOfGate(t *testing.T) {
	for condition, want := range map[string]string{
		"target-health.elbv2.k8s.aws/k8s-shop-web-0123456789": "AWS target group",
		"target-health.alb.ingress.k8s.aws/web_web_http":      "AWS target group",
		"cloud.google.com/load-balancer-neg-ready":            "Google NEG",
		"example.com/target-health.elbv2.k8s.aws":             "",
		"www.example.com/feature-1":                           "",
	} {
		if got, ok := OfGate(condition); got.Name != want || ok != (want != "") || ok && got.Bound() != Learns {
			t.Errorf("%s: %+v, want %q", condition, got, want)
		}
	}
}

// TestTable: each row says where its defaults can be read, and can be found by something.
func TestTable(t *testing.T) {
	for _, r := range table {
		if !strings.HasPrefix(r.source, "https://") || len(r.marks)+len(r.classes) == 0 || r.on != "Service" && r.on != "Ingress" {
			t.Errorf("row %s of %s: source %q, %d marks", r.name, r.on, r.source, len(r.marks))
		}
	}
}
