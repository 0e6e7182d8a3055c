// Package ext stands in for a module that Traefik replaces by a folder of its own, which no module proxy has. It is
// empty there as well.
package ext

// HTTP is what a distribution of Traefik may add to its HTTP configuration.
type HTTP struct{}

// Router is what one may add to a router.
type Router struct{}

// DeepCopyInto copies nothing.
func (h *HTTP) DeepCopyInto(out *HTTP) { *out = *h }

// DeepCopyInto copies nothing.
func (r *Router) DeepCopyInto(out *Router) { *out = *r }
