package registry

import "maps"

// Secrets gives a username, password or token, and as PEM texts ca, cert and key: those of the
// authority that signed the server's certificate, and of the client's own. A missing one is empty.
type Secrets func(spec Spec, name string) (string, error)

// WithSecrets gives a copy whose secrets are found there. Without it a spec has none, whatever its
// text names.
func (s Spec) WithSecrets(from Secrets) Spec {
	s.from = from
	return s
}

// WithSecret gives a copy with a credential that is not part of its text.
func (s Spec) WithSecret(name, value string) Spec {
	s.secrets = maps.Clone(s.secrets)
	if s.secrets == nil {
		s.secrets = map[string]string{}
	}
	s.secrets[name] = value
	return s
}

// Secret gives one of those that Secrets names.
func (s Spec) Secret(name string) (string, error) {
	if value, given := s.secrets[name]; given || s.from == nil {
		return value, nil
	}
	return s.from(s, name)
}

// Login reads the user's name and password; empty if none is set.
func (s Spec) Login() (username, password string, err error) {
	if username, err = s.Secret("username"); err != nil {
		return "", "", err
	}
	password, err = s.Secret("password")
	return username, password, err
}
