package spring

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/lameduck-dev/lameduck/registry"
)

// Complete fills in what a spec leaves open with what the application itself is configured with,
// and adds the ports that it serves on. Credentials that are found are kept apart: they are not
// part of the spec's text.
func Complete(spec registry.Spec, pod registry.Pod, a *Application) (registry.Spec, registry.Pod, error) {
	settings := spec.Settings()
	if settings.Complete != nil {
		spec = settings.Complete(spec, a.Property)
	}
	for key, properties := range settings.Of(spec) {
		if given(spec, key) {
			continue
		}
		for _, property := range properties {
			value, found := a.Property(property)
			if !found || value == "" || key == "port" && !registry.IsPort(value) {
				continue
			}
			if settings.Translate != nil {
				value = settings.Translate(key, value)
			}
			var err error
			if spec, err = spec.Fill(key, value); err != nil {
				return spec, pod, fmt.Errorf("%w (found as the application's %s; give %s= to overrule it)", err, property, key)
			}
			break
		}
	}
	if settings.LoginInURL {
		spec = takeLogin(spec)
	}
	if len(pod.Ports) == 0 {
		if text, found := a.Property("server.port"); found && registry.IsPort(text) {
			port, _ := strconv.ParseUint(text, 10, 16) // by IsPort
			pod.Ports = []uint16{uint16(port)}
		}
	}
	return spec, pod, nil
}

// given reports whether the spec has a key, or has credentials of its own: then those of the
// application are not mixed with them.
func given(spec registry.Spec, key string) bool {
	if key == "username" || key == "password" || key == "token" {
		for _, own := range []string{"username-env", "username-file", "password-env", "password-file", "token-env", "token-file"} {
			if spec.Get(own) != "" {
				return true
			}
		}
	}
	return spec.Get(key) != ""
}

// takeLogin takes user and password out of URLs, where Eureka's and Dubbo's clients have them.
func takeLogin(spec registry.Spec) registry.Spec {
	var servers []string
	for _, server := range spec.List("server") {
		u, err := url.Parse(server)
		if err != nil || u.User == nil {
			servers = append(servers, server)
			continue
		}
		if password, has := u.User.Password(); has && !given(spec, "password") {
			spec = spec.WithSecret("username", u.User.Username()).WithSecret("password", password)
		}
		u.User = nil
		servers = append(servers, u.String())
	}
	return spec.With("server", strings.Join(servers, ","))
}
