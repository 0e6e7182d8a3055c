package view

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
)

// Lists gives a source for the informer of EndpointSlices that tells the View of every list, before
// the informer has it. An informer lists again when its watch can't be resumed, and tells nobody.
func (v *View) Lists(source toolscache.ListerWatcher) toolscache.ListerWatcher {
	return &lists{toolscache.ToListerWatcherWithContext(source), v}
}

type lists struct {
	toolscache.ListerWatcherWithContext
	view *View
}

func (l *lists) List(options metav1.ListOptions) (runtime.Object, error) {
	return l.ListWithContext(context.Background(), options)
}

func (l *lists) Watch(options metav1.ListOptions) (watch.Interface, error) {
	return l.WatchWithContext(context.Background(), options)
}

func (l *lists) ListWithContext(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	list, err := l.ListerWatcherWithContext.ListWithContext(ctx, options)
	if err != nil {
		return list, err
	}
	accessor, err := meta.ListAccessor(list)
	if err != nil {
		return list, err
	}
	l.view.Listed(accessor.GetResourceVersion())
	return list, nil
}

var errStreamedList = errors.New("a list comes as a list here, not as a watch")

// WatchWithContext refuses to give a list as the beginning of a watch: its version is told last.
// The informer asks for a list then.
func (l *lists) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	if options.SendInitialEvents != nil {
		return nil, errStreamedList
	}
	return l.ListerWatcherWithContext.WatchWithContext(ctx, options)
}
