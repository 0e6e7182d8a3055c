package controller

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// InstallationLabel on the barrier's namespace names the namespace of the controller that it
// belongs to. A cluster has one barrier's namespace.
const InstallationLabel = "lameduck.dev/installation"

// errTaken ends a controller in a cluster that belongs to another installation.
var errTaken = errors.New("a cluster has one installation of lameduck")

// owner reports an error if the barrier's namespace belongs to another installation.
func (l *leader) owner(barrier *corev1.Namespace) error {
	other := barrier.Labels[InstallationLabel]
	if other == "" || other == l.options.Namespace {
		return nil
	}
	return fmt.Errorf("namespace %s belongs to the installation in namespace %s: %w; remove this one: lameduck uninstall --namespace %s | kubectl delete -f -",
		barrier.Name, other, errTaken, l.options.Namespace)
}

// owns asks once, before anything starts.
func (l *leader) owns(ctx context.Context, reader client.Reader) error {
	var barrier corev1.Namespace
	err := reader.Get(ctx, client.ObjectKey{Name: l.options.BarrierNamespace}, &barrier)
	if apierrors.IsNotFound(err) {
		return nil // the barrier's writes will say so, and succeed once it exists
	}
	if err != nil {
		return fmt.Errorf("reading namespace %s: %w", l.options.BarrierNamespace, err)
	}
	return l.owner(&barrier)
}

// namespaceChanged ends this replica when another installation takes the cluster over.
func (l *leader) namespaceChanged(namespace *corev1.Namespace) {
	if namespace.Name != l.options.BarrierNamespace {
		return
	}
	if err := l.owner(namespace); err != nil {
		l.options.Log.Error("controller: ending", "error", err)
		l.refuse(err)
	}
}
