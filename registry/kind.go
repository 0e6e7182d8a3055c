package registry

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lameduck-dev/lameduck/registry/caches"
)

// Key is one setting of a spec.
type Key struct {
	Name, Help string
}

// Kind is what is known about one kind of registry before a client talks to it. Each client's
// package has its own, and package kinds lists them.
type Kind struct {
	Name, About string
	Keys        []Key
	// Caches are those of its consumers, at their defaults.
	Caches caches.Times
	// Served is how much of that the servers' own caches take.
	Served time.Duration
	// Lag is how long the registry's own live views take to show a withdrawal.
	Lag time.Duration
	// InPod says that the client talks to the application itself.
	InPod bool
	// Behind are the kinds that the application may pass a withdrawal on to, by backend=. What
	// consumers do depends on that one.
	Behind Kinds
	// Settings are the application's own settings, which fill in what a spec leaves open.
	Settings Settings
	// New makes a client, for the instance of a pod.
	New func(Spec, Pod) (Registry, error)
}

// Maker gives the function that makes a kind's clients.
func Maker[C Registry](open func(Spec, Pod) (C, error)) func(Spec, Pod) (Registry, error) {
	return func(spec Spec, pod Pod) (Registry, error) {
		client, err := open(spec, pod)
		if err != nil {
			return nil, err
		}
		return client, nil
	}
}

// Keys that kinds have in common.
var (
	InstanceKeys = []Key{
		{"service", "the service's name (found in Spring's settings)"},
		{"ip", "the instance's address (the pod's)"},
		{"port", "the instance's port (that of the only instance with this address)"},
	}
	ServerKeys = append([]Key{
		{"server", "the servers, host:port or URL, separated by commas (found in Spring's settings)"},
	}, TLSKeys...)
	TLSKeys = []Key{
		{"ca-file", "file of the authority that signed the server's certificate (the system's)"},
		{"cert-file", "file of the client's certificate"},
		{"key-file", "file of the client certificate's key"},
	}
	PasswordKeys = []Key{
		{"username-env", "environment variable that holds the user's name"},
		{"username-file", "file that holds the user's name"},
		{"password-env", "environment variable that holds the password"},
		{"password-file", "file that holds the password"},
	}
	TokenKeys = []Key{
		{"token-env", "environment variable that holds the token"},
		{"token-file", "file that holds the token"},
	}
	everyKind = []Key{
		{"stale", "how long a consumer may go on by what it cached, as in 45s"},
		{"quiet", "the least silence that shows that none goes on, as in 5s"},
		{"timeout", "of one call (3s)"},
	}
)

// Keys are a kind's own, and those that every kind has.
func Keys(own ...[]Key) []Key { return slices.Concat(append(own, everyKind)...) }

// Kinds are the supported ones, in the order of the help.
type Kinds []Kind

// Lookup finds a kind by its name.
func (all Kinds) Lookup(name string) (Kind, error) {
	var names []string
	for _, k := range all {
		if k.Name == name {
			return k, nil
		}
		names = append(names, k.Name)
	}
	return Kind{}, fmt.Errorf("no registry of kind %q: there are %s", name, strings.Join(names, ", "))
}

// Open makes the client that a spec asks for, for the instance of a pod.
func (all Kinds) Open(spec Spec, pod Pod) (Registry, error) {
	kind, err := all.Lookup(spec.Kind)
	if err != nil {
		return nil, err
	}
	return kind.New(spec, pod)
}

func (k Kind) knows(key string) bool {
	return slices.ContainsFunc(k.Keys, func(known Key) bool { return known.Name == key })
}
