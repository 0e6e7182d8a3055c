package inject

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/workload/v1alpha1"
)

// credentialPrefix begins the variables by which a hooked container has a registry's
// credentials: LAMEDUCK_REGISTRY_0_PASSWORD.
const credentialPrefix = "LAMEDUCK_REGISTRY_"

// leaveTime is what taking the pod out may need, on top of what consumers may cache.
const leaveTime = 10 * time.Second

// policyRegistries reads the registries of a DrainPolicy.
func policyRegistries(p *v1alpha1.DrainPolicy) (specs []registry.Spec, env []corev1.EnvVar, err error) {
	for i, r := range p.Spec.Registries {
		place := []string{"spec", "registries", fmt.Sprintf("[%d]", i)}
		text := r.Kind
		for key, value := range r.Settings {
			text += " " + key + "=" + registry.Quote(value)
		}
		spec, err := registry.ParseSpec(text)
		if err != nil {
			return nil, nil, &Invalid{place, "cannot be used: " + err.Error(), "see lameduck-registry help " + r.Kind}
		}
		if c := r.Credentials; c != nil {
			for _, one := range []struct{ name, key string }{{"username", c.UsernameKey}, {"password", c.PasswordKey}, {"token", c.TokenKey}} {
				if one.key == "" {
					continue
				}
				variable := fmt.Sprintf("%s%d_%s", credentialPrefix, i, strings.ToUpper(one.name))
				spec = spec.With(one.name+"-env", variable)
				env = append(env, secretVariable(variable, c.SecretName, one.key))
			}
			if spec, err = registry.ParseSpec(spec.String()); err != nil {
				return nil, nil, &Invalid{append(place, "credentials"), "cannot be used: " + err.Error(), "see lameduck-registry help " + r.Kind}
			}
		}
		specs = append(specs, spec)
	}
	return specs, env, nil
}

// secretVariable refers to a Secret that may be missing: then the registry is not left, which
// the agent's log says, but the pod starts.
func secretVariable(name, secret, key string) corev1.EnvVar {
	optional := true
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: secret}, Key: key, Optional: &optional,
	}}}
}

// annotatedRegistries reads the annotation: one spec a line.
func annotatedRegistries(value string) ([]registry.Spec, error) {
	var specs []registry.Spec
	for line := range strings.Lines(value) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		spec, err := registry.ParseSpec(line)
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

// frameworkEnv is what has a framework shut down gracefully, within the budget.
func frameworkEnv(policy Policy) []corev1.EnvVar {
	if policy.Framework != v1alpha1.SpringBoot {
		return nil
	}
	return []corev1.EnvVar{
		{Name: "SERVER_SHUTDOWN", Value: "graceful"},
		{Name: "SPRING_LIFECYCLE_TIMEOUT_PER_SHUTDOWN_PHASE", Value: fmt.Sprintf("%dms", policy.Budget.Stop.Milliseconds())},
	}
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
