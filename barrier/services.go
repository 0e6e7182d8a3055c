package barrier

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func (k *KubeStore) labels() map[string]string {
	return map[string]string{ManagedByLabel: ManagedBy, familyLabel: string(k.family)}
}

// beacon is the Service whose NodePort leads here. externalTrafficPolicy Cluster: every node sends
// the connection on, and puts its own address in the place of the source's.
func (k *KubeStore) beacon() *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "beacon-", Labels: k.labels()},
		Spec: corev1.ServiceSpec{
			Type:                  corev1.ServiceTypeNodePort,
			ExternalTrafficPolicy: corev1.ServiceExternalTrafficPolicyCluster,
			SessionAffinity:       corev1.ServiceAffinityNone,
			IPFamilyPolicy:        ptr(corev1.IPFamilyPolicySingleStack),
			IPFamilies:            []corev1.IPFamily{k.family},
			Ports:                 []corev1.ServicePort{{Name: portName, Port: 1, Protocol: corev1.ProtocolTCP}},
		},
	}
}

// kind is the Service by whose health check port a proxy tells its kind. It has no endpoints. Its name
// sorts after the beacon's, so that a list hands it over later.
func (k *KubeStore) kind() *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "kind-", Labels: k.labels()},
		Spec: corev1.ServiceSpec{
			Type:                          corev1.ServiceTypeLoadBalancer,
			LoadBalancerClass:             ptr(loadBalancerClass),
			AllocateLoadBalancerNodePorts: ptr(false),
			ExternalTrafficPolicy:         corev1.ServiceExternalTrafficPolicyLocal,
			SessionAffinity:               corev1.ServiceAffinityNone,
			IPFamilyPolicy:                ptr(corev1.IPFamilyPolicySingleStack),
			IPFamilies:                    []corev1.IPFamily{k.family},
			Ports:                         []corev1.ServicePort{{Name: portName, Port: 1, Protocol: corev1.ProtocolTCP}},
		},
	}
}

// altered names what the barrier needs and did not get; empty if nothing.
func altered(want, made *corev1.Service) string {
	switch {
	case made.Spec.Type != want.Spec.Type:
		return fmt.Sprintf("type (%s)", made.Spec.Type)
	case want.Spec.LoadBalancerClass != nil && (made.Spec.LoadBalancerClass == nil || *made.Spec.LoadBalancerClass != *want.Spec.LoadBalancerClass):
		return "loadBalancerClass" // a cloud provider would serve it
	case made.Spec.ExternalTrafficPolicy != want.Spec.ExternalTrafficPolicy:
		return fmt.Sprintf("externalTrafficPolicy (%s)", made.Spec.ExternalTrafficPolicy)
	case made.Spec.SessionAffinity != "" && made.Spec.SessionAffinity != want.Spec.SessionAffinity:
		return fmt.Sprintf("sessionAffinity (%s)", made.Spec.SessionAffinity) // nodes would stay with an old number
	case len(made.Spec.Selector) > 0:
		return "selector" // others would write slices
	case len(made.Spec.IPFamilies) > 0 && (len(made.Spec.IPFamilies) > 1 || made.Spec.IPFamilies[0] != want.Spec.IPFamilies[0]):
		return fmt.Sprintf("ipFamilies (%v)", made.Spec.IPFamilies)
	case len(made.Spec.Ports) != 1 || made.Spec.Ports[0].Name != portName || made.Spec.Ports[0].Protocol != corev1.ProtocolTCP:
		return fmt.Sprintf("ports (%d)", len(made.Spec.Ports))
	case want.Spec.Type == corev1.ServiceTypeNodePort && made.Spec.Ports[0].NodePort == 0:
		return "nodePort (none)"
	case want.Spec.Type == corev1.ServiceTypeLoadBalancer && made.Spec.HealthCheckNodePort == 0:
		return "healthCheckNodePort (none)"
	}
	for key, value := range want.Labels {
		if made.Labels[key] != value {
			return "label " + key
		}
	}
	for _, key := range []string{corev1.IsHeadlessService, serviceProxyName} {
		if _, there := made.Labels[key]; there {
			return "label " + key // no kube-proxy would take it
		}
	}
	return ""
}

const serviceProxyName = "service.kubernetes.io/service-proxy-name"
