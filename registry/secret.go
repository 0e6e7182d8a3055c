package registry

import (
	"fmt"
	"os"
	"strings"
)

// WithSecrets gives a copy that has these secrets, by name, and looks for no others: for whoever
// acts for a pod, and has neither its environment nor its files.
func (s Spec) WithSecrets(secrets map[string]string) Spec {
	s.secrets = secrets
	return s
}

// Secret reads username, password or token from where the spec says that it is. It is read
// anew at each call, because mounted Secrets change.
func (s Spec) Secret(name string) (string, error) {
	if s.secrets != nil {
		return s.secrets[name], nil
	}
	if variable := s.Get(name + "-env"); variable != "" {
		value, found := os.LookupEnv(variable)
		if !found {
			return "", fmt.Errorf("%s: the environment has no %s", name, variable)
		}
		return value, nil
	}
	file := s.Get(name + "-file")
	if file == "" {
		return "", nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

// Login reads the user's name and password; empty if none is set.
func (s Spec) Login() (username, password string, err error) {
	if username, err = s.Secret("username"); err != nil {
		return "", "", err
	}
	password, err = s.Secret("password")
	return username, password, err
}
