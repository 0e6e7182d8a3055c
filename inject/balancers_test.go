package inject

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lameduck-dev/lameduck/workload/v1alpha1"
)

// serviceFor selects app=APP and carries the annotations, given as key value pairs.
func serviceFor(app string, annotations ...string) corev1.Service {
	service := corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: app, Annotations: map[string]string{}},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Selector: map[string]string{"app": app}},
	}
	for pair := range slices.Chunk(annotations, 2) {
		service.Annotations[pair[0]] = pair[1]
	}
	return service
}

// ingressFor leads to the Service by a path, and to another by default.
func ingressFor(class, service string, annotations map[string]string) networkingv1.Ingress {
	to := func(name string) networkingv1.IngressBackend {
		return networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: name}}
	}
	other := to("other")
	return networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Name: "front", Annotations: annotations},
		Spec: networkingv1.IngressSpec{IngressClassName: &class, DefaultBackend: &other, Rules: []networkingv1.IngressRule{{}, {
			IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{Backend: to(service)}}}},
		}}},
	}
}

const nlbType, nlbAttributes = "service.beta.kubernetes.io/aws-load-balancer-nlb-target-type", "service.beta.kubernetes.io/aws-load-balancer-target-group-attributes"

// TestBalancers: a pod behind a load balancer that may send for longer than a careful sleep has room to
// wait for it, and its agent is told; nothing ever makes it shorter than it was.
func TestBalancers(t *testing.T) {
	delay := func(seconds string) corev1.Service {
		return serviceFor("web", nlbType, "ip", nlbAttributes, "deregistration_delay.timeout_seconds="+seconds)
	}
	alb := map[string]string{"alb.ingress.kubernetes.io/target-type": "ip", "alb.ingress.kubernetes.io/target-group-attributes": "deregistration_delay.timeout_seconds=50"}
	bounded := drainPolicy("web", 0, "app=web")
	bounded.Spec.PeerCeiling = duration(20 * s)
	short := drainPolicy("web", 0, "app=web")
	short.Spec.MaxWait = duration(10 * s)
	tests := []struct {
		name      string
		services  []corev1.Service
		ingresses []networkingv1.Ingress
		gate      string
		policies  []v1alpha1.DrainPolicy
		confirm   time.Duration
		outside   time.Duration
		of        string
	}{
		{"none", []corev1.Service{serviceFor("web")}, nil, "", nil, 30 * s, 0, ""},
		{"another pod's", []corev1.Service{serviceFor("db", nlbType, "ip")}, nil, "", nil, 30 * s, 0, ""},
		{"a selector that selects nothing", []corev1.Service{{ObjectMeta: delay("60").ObjectMeta}}, nil, "", nil, 30 * s, 0, ""},
		{"to nodes", []corev1.Service{serviceFor("web", nlbType, "instance", nlbAttributes, "deregistration_delay.timeout_seconds=60")}, nil, "", nil, 30 * s, 0, ""},
		{"to pods, by the cloud's default", []corev1.Service{serviceFor("web", nlbType, "ip")}, nil, "", nil, 30 * s, 20 * s, "Service web"},
		{"to pods, for a short time", []corev1.Service{delay("5")}, nil, "", nil, 30 * s, 25 * s, "Service web"},
		{"to pods, for a longer time", []corev1.Service{serviceFor("web", nlbType, "ip"), delay("60")}, nil, "", nil, 80 * s, 80 * s, "Service web"},
		{"an Ingress", []corev1.Service{serviceFor("web")}, []networkingv1.Ingress{ingressFor("alb", "web", alb)}, "", nil, 70 * s, 70 * s, "Ingress front"},
		{"another Service's Ingress", []corev1.Service{serviceFor("web")}, []networkingv1.Ingress{ingressFor("alb", "db", alb)}, "", nil, 30 * s, 0, ""},
		{"a readiness gate", nil, nil, "target-health.elbv2.k8s.aws/k8s-web", nil, 30 * s, 20 * s, "readiness gate target-health.elbv2.k8s.aws/k8s-web"},
		{"a policy that says how long peers are worth", []corev1.Service{delay("60")}, nil, "", []v1alpha1.DrainPolicy{bounded}, 30 * s, 0, ""},
		{"a policy that says how long all may take", []corev1.Service{delay("60")}, nil, "", []v1alpha1.DrainPolicy{short}, 10 * s, 80 * s, "Service web"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pod := labelled("true")
			pod.Labels["app"] = "web"
			if tt.gate != "" {
				pod.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: corev1.PodConditionType(tt.gate)}}
			}
			around := Surroundings{Policies: tt.policies}
			around.Serve(tt.services, tt.ingresses)
			policy, err := Resolve(pod, around)
			if err != nil || policy.Budget.Confirm != tt.confirm || policy.OutsideCeiling != tt.outside || policy.Budget.Grace != policy.Budget.Needs() {
				t.Errorf("confirm %v of %v, outside %v, %v", policy.Budget.Confirm, policy.Budget.Grace, policy.OutsideCeiling, err)
			}
			in := mustInject(t, pod, around, testSettings)
			env := in.Spec.InitContainers[0].Env
			if told := strings.Contains(env[len(env)-1].Value, "--outside-ceiling="+tt.outside.String()); told != (tt.outside > 0) {
				t.Errorf("the agent is told %v", env)
			}
			if status := ReadStatus(in.Annotations); tt.of == "" != (status.Outside == "") || !strings.Contains(status.Outside, tt.of) {
				t.Errorf("the status says %q, want %q", status.Outside, tt.of)
			}
			if again := mustInject(t, in, around, testSettings); *again.Spec.TerminationGracePeriodSeconds != *in.Spec.TerminationGracePeriodSeconds {
				t.Errorf("the second time gives a grace of %d s", *again.Spec.TerminationGracePeriodSeconds)
			}
		})
	}
}
