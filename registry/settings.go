package registry

import "strconv"

// Settings are those by which an application's own client is configured, by Spring's names.
type Settings struct {
	// Properties are those that hold a key of a spec, the strongest first.
	Properties map[string][]string
	// Layouts are the properties of a layout that has its own.
	Layouts map[string]map[string][]string
	// Complete fills in what depends on more than one property; nil: nothing does.
	Complete func(Spec, Property) Spec
	// Translate turns a property's value into the spec's; nil: they are the same.
	Translate func(key, value string) string
	// LoginInURL says that the servers' URLs may hold user and password.
	LoginInURL bool
}

// Property looks a setting of an application up.
type Property func(name string) (string, bool)

// Of are the properties for a spec's layout.
func (s Settings) Of(spec Spec) map[string][]string {
	if own := s.Layouts[spec.Get("layout")]; own != nil {
		return own
	}
	return s.Properties
}

// IsPort reports whether a setting is a port that something can listen on.
func IsPort(text string) bool {
	port, err := strconv.ParseUint(text, 10, 16)
	return err == nil && port != 0
}
