// Package ext takes the place of Traefik's package of the same name, which lies outside of its module.
package ext

// HTTP adds nothing to a dynamic configuration.
type HTTP struct{}

// Router adds nothing to a router.
type Router struct{}

// DeepCopyInto copies nothing.
func (*HTTP) DeepCopyInto(*HTTP) {}

// DeepCopyInto copies nothing.
func (*Router) DeepCopyInto(*Router) {}
