package controller

import (
	"context"
	"fmt"
	"net"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lameduck-dev/lameduck/inject"
	"github.com/lameduck-dev/lameduck/workload/v1alpha1"
)

// source gives the webhook a pod's surroundings, from the caches.
type source struct {
	reader  client.Reader
	live    client.Reader // for what the cache has not heard of
	options Options
	key     string // the hub's public key
}

func (s *source) Surroundings(ctx context.Context, namespace string) (inject.Surroundings, error) {
	var around inject.Surroundings
	var ns corev1.Namespace
	err := s.reader.Get(ctx, client.ObjectKey{Name: namespace}, &ns)
	if apierrors.IsNotFound(err) { // made a moment ago
		err = s.live.Get(ctx, client.ObjectKey{Name: namespace}, &ns)
	}
	if err != nil {
		return around, fmt.Errorf("reading namespace %s: %w", namespace, err)
	}
	var policies v1alpha1.DrainPolicyList
	if err := s.reader.List(ctx, &policies, client.InNamespace(namespace)); err != nil {
		return around, fmt.Errorf("reading the DrainPolicies of %s: %w", namespace, err)
	}
	var services corev1.ServiceList
	if err := s.reader.List(ctx, &services, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return around, fmt.Errorf("reading the Services of %s: %w", namespace, err)
	}
	around.Serve(services.Items, s.ingresses(ctx, namespace))
	around.NamespaceLabels, around.Policies = ns.Labels, policies.Items
	around.Rights = inject.PolicyRights{Servers: s.options.Registries, Secrets: s.options.RegistrySecrets}
	return around, nil
}

// ingressesWithin bounds how long a pod waits for the Ingresses of its namespace: the cache answers at
// once, unless the right to read them is missing.
const ingressesWithin = time.Second

// ingresses are those of the namespace, if this installation may read them. A pod is injected without
// them as well.
func (s *source) ingresses(ctx context.Context, namespace string) []networkingv1.Ingress {
	if !s.options.Ingresses {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, ingressesWithin)
	defer cancel()
	var all networkingv1.IngressList
	if err := s.reader.List(ctx, &all, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		s.options.Log.Warn("webhook: injecting without what Ingresses ask for", "namespace", namespace, "error", err)
		return nil
	}
	return all.Items
}

// Settings gives the hub's Service address first: a pod may have a DNS of its own. The name is for
// a Service that was recreated since.
func (s *source) Settings(ctx context.Context) (inject.Settings, error) {
	var service corev1.Service
	if err := s.reader.Get(ctx, client.ObjectKey{Namespace: s.options.Namespace, Name: hubService}, &service); err != nil {
		return inject.Settings{}, fmt.Errorf("reading the hub's Service: %w", err)
	}
	settings := inject.Settings{
		AgentImage: s.options.AgentImage, PullPolicy: corev1.PullPolicy(s.options.PullPolicy), HubKey: s.key,
	}
	if ip := service.Spec.ClusterIP; ip != "" && ip != corev1.ClusterIPNone {
		settings.HubAddresses = append(settings.HubAddresses, net.JoinHostPort(ip, "80"))
	}
	settings.HubAddresses = append(settings.HubAddresses, net.JoinHostPort(serviceNames(hubService, s.options.Namespace)[0], "80"))
	return settings, nil
}
