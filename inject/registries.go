package inject

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/graceful/termination"
	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/kinds"
	"github.com/lameduck-dev/lameduck/workload/v1alpha1"
)

// leaveTime is what taking the pod out may need, on top of what consumers may cache.
const leaveTime = 10 * time.Second

// PolicyRights are what DrainPolicies may name: the author of one decides what other people's pods
// do. Without any, a policy may name only what is found in the pod itself, and Secrets called
// lameduck-*.
type PolicyRights struct {
	Any     bool             // whoever writes the policies also writes the pods
	Servers registry.Servers // that a registry may have
	Secrets []string         // NAMESPACE/NAME, besides those called lameduck-*
}

// secretPrefix begins the names of Secrets that were made for lameduck.
const secretPrefix = "lameduck-"

func (r PolicyRights) secret(namespace, name string) bool {
	return r.Any || strings.HasPrefix(name, secretPrefix) || slices.Contains(r.Secrets, namespace+"/"+name)
}

// bound gives a copy of a spec with what a policy may say, and names what else it said. The
// registry stays, whatever is left out: what is missing may be found in the application's own
// settings, and its consumers are waited for in any case.
func (r PolicyRights) bound(spec registry.Spec) (within registry.Spec, problems []string) {
	for _, key := range spec.Keys() {
		switch registry.UseOf(key) {
		case registry.Local, registry.One:
			spec = spec.With(key, "")
			problems = append(problems, key+" is for a pod's own annotation")
		}
	}
	switch server, named := r.Servers.Of(spec); {
	case r.Any:
	case spec.InPod() && registry.InPod(spec):
	case named && !spec.InPod():
		spec = server.Within(spec)
	default:
		for _, key := range []string{"server", "context"} {
			if value := spec.Get(key); value != "" {
				spec = spec.With(key, "")
				problems = append(problems, fmt.Sprintf("%s=%s is not one that the installation names (lameduck install --registry-server)", key, value))
			}
		}
	}
	return spec, problems
}

// policyRegistries reads the registries of a DrainPolicy, and where their credentials are.
func policyRegistries(p *v1alpha1.DrainPolicy, rights PolicyRights) (specs []registry.Spec, credentials []corev1.VolumeProjection, warnings []string, err error) {
	for i, r := range p.Spec.Registries {
		place := []string{"spec", "registries", fmt.Sprintf("[%d]", i)}
		warn := func(problem string) {
			warnings = append(warnings, fmt.Sprintf("DrainPolicy %s: %s: %s: left out", p.Name, FieldPath(place), problem))
		}
		text := r.Kind
		for key, value := range r.Settings {
			text += " " + key + "=" + registry.Quote(value)
		}
		spec, err := kinds.All.ParseSpec(text)
		if err != nil {
			return nil, nil, nil, &Invalid{place, "cannot be used: " + err.Error(), "see lameduck-registry help " + r.Kind}
		}
		spec, problems := rights.bound(spec)
		for _, problem := range problems {
			warn(problem)
		}
		switch c := r.Credentials; {
		case c == nil:
		case !rights.secret(p.Namespace, c.SecretName):
			warn(fmt.Sprintf("Secret %s is not one that the installation names (--registry-secret), and not called %s*", c.SecretName, secretPrefix))
		default:
			var projection corev1.VolumeProjection
			spec, projection = withCredentials(spec, i, c)
			if spec, err = kinds.All.ParseSpec(spec.String()); err != nil {
				return nil, nil, nil, &Invalid{append(place, "credentials"), "cannot be used: " + err.Error(), "see lameduck-registry help " + r.Kind}
			}
			credentials = append(credentials, projection)
		}
		specs = append(specs, spec)
	}
	return specs, credentials, warnings, nil
}

// withCredentials makes a spec read its credentials from files, and says where these come from. The
// Secret may be missing: then the registry is not left, which the agent's log says, but the pod
// starts.
func withCredentials(spec registry.Spec, i int, c *v1alpha1.Credentials) (registry.Spec, corev1.VolumeProjection) {
	optional := true
	secret := &corev1.SecretProjection{LocalObjectReference: corev1.LocalObjectReference{Name: c.SecretName}, Optional: &optional}
	for _, one := range []struct{ name, key string }{
		{"username", c.UsernameKey}, {"password", c.PasswordKey}, {"token", c.TokenKey}, {"ca", c.CAKey}, {"cert", c.CertKey}, {"key", c.KeyKey},
	} {
		if one.key != "" {
			file := fmt.Sprintf("%d/%s", i, one.name)
			secret.Items = append(secret.Items, corev1.KeyToPath{Key: one.key, Path: file})
			spec = spec.With(one.name+"-file", CredentialsDir+"/"+file)
		}
	}
	return spec, corev1.VolumeProjection{Secret: secret}
}

// annotatedRegistries reads the annotation: one spec a line.
func annotatedRegistries(value string) ([]registry.Spec, error) {
	var specs []registry.Spec
	for line := range strings.Lines(value) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		spec, err := kinds.All.ParseSpec(line)
		if err != nil {
			return nil, &Invalid{annotation(RegistryAnnotation), "cannot be used: " + err.Error(), "write a registry on each line, as in: nacos server=nacos:8848 service=orders"}
		}
		specs = append(specs, spec)
	}
	return specs, nil
}

// consumersNeed is how long the consumers of all registries may take to stop.
func consumersNeed(specs []registry.Spec) time.Duration {
	var longest time.Duration
	for _, spec := range specs {
		longest = max(longest, spec.Stale()+leaveTime)
	}
	return longest
}

// stopEnv tells the application how long it has from SIGTERM on, and a framework to shut down gracefully.
func stopEnv(policy Policy) []corev1.EnvVar {
	env := []corev1.EnvVar{{Name: termination.StopVariable, Value: policy.Budget.Stop.String()}}
	if policy.Framework == v1alpha1.SpringBoot {
		env = append(env,
			corev1.EnvVar{Name: "SERVER_SHUTDOWN", Value: "graceful"},
			corev1.EnvVar{Name: "SPRING_LIFECYCLE_TIMEOUT_PER_SHUTDOWN_PHASE", Value: fmt.Sprintf("%dms", policy.Budget.Stop.Milliseconds())})
	}
	return env
}

// addEnv adds the variables that the container does not have, in its environment or as an
// argument in Spring's way, and gives the names of those added.
func addEnv(c *corev1.Container, env []corev1.EnvVar) []string {
	var added []string
	for _, variable := range env {
		has := slices.ContainsFunc(c.Env, func(own corev1.EnvVar) bool { return sameSetting(own.Name, variable.Name) }) ||
			slices.ContainsFunc(slices.Concat(c.Command, c.Args), func(arg string) bool { return setsSetting(arg, variable.Name) })
		if has {
			continue
		}
		c.Env = append(c.Env, variable)
		added = append(added, variable.Name)
	}
	return added
}

// sameSetting compares as Spring's relaxed binding does.
func sameSetting(a, b string) bool { return relaxed(a) == relaxed(b) }

// setsSetting tells --server.shutdown=... and -Dserver.shutdown=...
func setsSetting(arg, name string) bool {
	key, _, found := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "--"), "-D"), "=")
	return found && strings.HasPrefix(arg, "-") && sameSetting(key, name)
}

func relaxed(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "", ".", "").Replace(name))
}

// stripEnv takes out the variables that an earlier injection added, as the status tells them.
func stripEnv(c *corev1.Container, status *ContainerStatus) {
	if status == nil {
		return
	}
	c.Env = slices.DeleteFunc(c.Env, func(v corev1.EnvVar) bool { return slices.Contains(status.Env, v.Name) })
	if len(c.Env) == 0 {
		c.Env = nil
	}
}
