package command

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
)

// list reads the metadata of one kind, page by page. Empty arguments mean everywhere, and all.
func (u *remover) list(ctx context.Context, k kind, namespace, selector string) ([]metav1.PartialObjectMetadata, error) {
	var all []metav1.PartialObjectMetadata
	options := metav1.ListOptions{LabelSelector: selector, Limit: 500}
	for {
		page, err := u.client.Resource(k.GroupVersionResource).Namespace(namespace).List(ctx, options)
		if apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("listing %s: %w", k.GroupResource(), err)
		}
		all = append(all, page.Items...)
		if options.Continue = page.Continue; options.Continue == "" {
			return all, nil
		}
	}
}

// namespacedKinds are all kinds that can be in a namespace and be listed, each once.
func namespacedKinds(discoverer discovery.DiscoveryInterface) ([]kind, error) {
	lists, err := discovery.ServerPreferredNamespacedResources(discoverer)
	if err != nil {
		// What can't be listed could belong to somebody, and would go with the namespace.
		return nil, fmt.Errorf("asking the cluster for its kinds: %w", err)
	}
	var kinds []kind
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return nil, fmt.Errorf("asking the cluster for its kinds: %w", err)
		}
		for _, resource := range list.APIResources {
			if slices.Contains(resource.Verbs, "list") && slices.Contains(resource.Verbs, "delete") {
				kinds = append(kinds, kind{version.WithResource(resource.Name), resource.Kind})
			}
		}
	}
	return kinds, nil
}
