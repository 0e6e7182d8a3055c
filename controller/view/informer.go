package view

import toolscache "k8s.io/client-go/tools/cache"

// OnChange gives an informer's handler that calls set for each object as it is, and drop for each that is gone.
func OnChange[T any](set, drop func(T)) toolscache.ResourceEventHandler {
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { set(object.(T)) },
		UpdateFunc: func(_, object any) { set(object.(T)) },
		DeleteFunc: func(object any) {
			if last, missed := object.(toolscache.DeletedFinalStateUnknown); missed {
				object = last.Obj
			}
			if object, ok := object.(T); ok {
				drop(object)
			}
		},
	}
}
