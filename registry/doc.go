// Package registry takes a pod's instance out of a service registry before the pod stops, and keeps
// it out. It holds what all registries have in common: the text that names one (Spec), whose
// instance it is (Pod), what may go wrong, and the course of a withdrawal (Leave). The clients are
// one small package each, below this one.
package registry

import "context"

// Registry is one service in one registry, as Leave needs it. What must be known about an instance
// when the client is gone is in its record. A client that keeps state about the instance between
// calls says so at its type.
type Registry interface {
	// Find looks the pod's own instance up and writes nothing. It is ErrNotFound if the service
	// does not have it, ErrNoService if the registry does not have the service.
	Find(ctx context.Context) (Found, error)
	// Withdraw takes out what Find has just found, sending back exactly that. It is idempotent.
	Withdraw(ctx context.Context, record Spec) error
	// Confirm is nil if every server node shows the instance as out, by the view that is live,
	// and ErrIn if one still shows it.
	Confirm(ctx context.Context, record Spec) error
}

// Restorer is a Registry in which a withdrawal leaves something behind that would keep the next
// instance with this address out, or whose instance can be put back in.
type Restorer interface {
	// Restore clears it. It is called after the instance has gone, or to put it back in.
	Restore(ctx context.Context, record Spec) error
}

// Restore clears what a withdrawal left behind, where one leaves anything.
func Restore(ctx context.Context, r Registry, record Spec) error {
	if restorer, ok := r.(Restorer); ok {
		return restorer.Restore(ctx, record)
	}
	return nil
}

// Caching is a Registry whose servers answer consumers from a cache. Once the caches show the
// withdrawal, consumers may be stale for that much less.
type Caching interface {
	// Cached is nil if every server node's cache was seen without the withdrawal and now has it.
	// So it is called once before.
	Cached(ctx context.Context, record Spec) error
}

// Found is what a registry has about the pod.
type Found struct {
	// Record names the instance fully enough for Restore to find its traces when it has gone. A
	// zero Record says that nothing will have to be restored.
	Record Spec
	// Address is where the registry has it: an IP address or a host's name. A program that acts
	// for a pod from elsewhere compares it with the pod's own before it writes anything. It is
	// empty where there is nothing to restore.
	Address string
	// Out says that consumers are not sent to it already.
	Out bool
	// Detail is one line for people: the address and what else is known.
	Detail string
}
