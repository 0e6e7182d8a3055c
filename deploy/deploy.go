// Package deploy holds the manifests that install lameduck in a cluster.
package deploy

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/base64"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/lameduck-dev/lameduck/barrier"
	"github.com/lameduck-dev/lameduck/registry/kinds"
	"github.com/lameduck-dev/lameduck/workload/v1alpha1"
)

// Names that the manifests, the controller and the command line agree on.
const (
	Namespace        = "lameduck-system" // the default
	BarrierNamespace = "zzzz-lameduck"
	KeysSecret       = "lameduck-keys"
	HubService       = "lameduck-hub"
	Webhook          = "lameduck" // the MutatingWebhookConfiguration
	Deployment       = "lameduck-controller"
	Lease            = "lameduck-controller"
)

//go:embed manifests/*.yaml
var files embed.FS

// order is the order in which a cluster accepts the manifests; the CRD follows the namespaces.
var order = []string{"10-namespaces", "20-crd", "30-rbac", "40-keys", "50-services", "60-controller", "65-network", "70-webhook"}

// Options are what differs between installations.
type Options struct {
	Namespace  string // of the controller
	Image      string // holds /lameduck
	AgentImage string // holds /lameduck-agent, and is what pods are given
	PullPolicy string // of both images; empty leaves it to the cluster
	Replicas   int
	Keys       Keys
	// HostNetwork has the controller listen at its nodes' addresses, for API servers that reach
	// nodes and not pods.
	HostNetwork bool
	Ports       Ports // zero: DefaultPorts
	// BarrierPorts are those on which the leader listens for the nodes; zero: barrier.DefaultNumbers.
	BarrierPorts barrier.Numbers
	// WebhookFrom are the API servers' addresses as CIDRs: only they may reach the webhook, where
	// the network enforces policies. None: everyone may.
	WebhookFrom []string
	// RegistryServers are the registries that DrainPolicies may name, and in which the controller
	// clears what withdrawals left, as registry.Kinds.ParseServer reads them. RegistrySecrets,
	// NAMESPACE/NAME, are Secrets that DrainPolicies may name besides those called lameduck-*.
	RegistryServers, RegistrySecrets []string
	// Ingresses lets the controller read them, for the load balancers outside the cluster that they ask for.
	Ingresses bool
}

// Ports are those that the controller listens on.
type Ports struct{ Webhook, Hub, Metrics, Health int }

// DefaultPorts are free in a pod of its own.
var DefaultPorts = Ports{Webhook: 9443, Hub: 8080, Metrics: 8081, Health: 8082}

func (p Ports) validate(barriers barrier.Numbers) error {
	seen := map[int]string{}
	for _, port := range []struct {
		name   string
		number int
	}{{"webhook-port", p.Webhook}, {"hub-port", p.Hub}, {"metrics-port", p.Metrics}, {"health-port", p.Health}} {
		if port.number < 1024 || port.number > 65535 {
			return fmt.Errorf("%s %d: write one from 1024 to 65535: the controller may not bind lower ones", port.name, port.number)
		}
		if other := seen[port.number]; other != "" {
			return fmt.Errorf("%s %d: it is the port of %s already", port.name, port.number, other)
		}
		if barriers.Has(port.number) {
			return fmt.Errorf("%s %d: it is among barrier-ports %v", port.name, port.number, barriers)
		}
		seen[port.number] = port.name
	}
	return nil
}

// Validate names the first option that makes no sense.
func (o Options) Validate() error {
	if problems := validation.IsDNS1123Label(o.Namespace); len(problems) > 0 {
		return fmt.Errorf("namespace %q: %s", o.Namespace, problems[0])
	}
	for _, image := range []string{o.Image, o.AgentImage} {
		if !imageName.MatchString(image) {
			return fmt.Errorf("image %q: write it as host/name:tag", image)
		}
	}
	switch o.PullPolicy {
	case "", "Always", "IfNotPresent", "Never":
	default:
		return fmt.Errorf("pull policy %q: write Always, IfNotPresent or Never", o.PullPolicy)
	}
	for _, from := range o.WebhookFrom {
		if _, err := netip.ParsePrefix(from); err != nil {
			return fmt.Errorf("webhook-from %q: write it as a CIDR, such as 10.0.0.0/28", from)
		}
	}
	for _, text := range o.RegistryServers {
		server, err := kinds.All.ParseServer(text)
		if err != nil {
			return err
		}
		if server.Secret != "" && len(validation.IsDNS1123Subdomain(server.Secret)) > 0 || server.Secret == KeysSecret {
			return fmt.Errorf("registry-server %q: secret=%s is not the name of a Secret with a registry's credentials", text, server.Secret)
		}
	}
	for _, secret := range o.RegistrySecrets {
		namespace, name, _ := strings.Cut(secret, "/")
		if len(validation.IsDNS1123Label(namespace)) > 0 || len(validation.IsDNS1123Subdomain(name)) > 0 {
			return fmt.Errorf("registry-secret %q: write it as NAMESPACE/NAME", secret)
		}
	}
	if err := cmp.Or(o.Ports, DefaultPorts).validate(cmp.Or(o.BarrierPorts, barrier.DefaultNumbers)); err != nil {
		return err
	}
	if o.Replicas < 1 {
		return fmt.Errorf("replicas %d: write 1 or more; 2 keep the webhook and the hub up while one is replaced", o.Replicas)
	}
	return nil
}

var imageName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@-]*$`)

// HubAddress is where agents find the hub by name.
func HubAddress(namespace string) string { return HubService + "." + namespace + ".svc:80" }

// Render gives all manifests as one YAML text, in the order in which a cluster can take them.
// The same options give the same bytes.
func Render(o Options) ([]byte, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Ports == (Ports{}) {
		o.Ports = DefaultPorts
	}
	o.BarrierPorts = cmp.Or(o.BarrierPorts, barrier.DefaultNumbers)
	public, err := o.Keys.HubPublic()
	if err != nil {
		return nil, err
	}
	values := struct {
		Options
		BarrierNamespace, HubAddress, HubPublicKey string
		ControllerArgs                             []string
		Secrets                                    []string
	}{o, BarrierNamespace, HubAddress(o.Namespace), public, o.controllerArgs(), o.secrets()}
	parsed, err := template.New("manifests").Option("missingkey=error").Funcs(template.FuncMap{
		"base64": base64.StdEncoding.EncodeToString,
	}).ParseFS(files, "manifests/*.yaml")
	if err != nil {
		return nil, err
	}
	var all bytes.Buffer
	for _, name := range order {
		if all.Len() > 0 {
			all.WriteString("---\n")
		}
		if name == "20-crd" {
			all.WriteString(strings.TrimPrefix(string(v1alpha1.CRD), "---\n"))
			continue
		}
		if err := parsed.ExecuteTemplate(&all, name+".yaml", values); err != nil {
			return nil, err
		}
	}
	return all.Bytes(), nil
}

// secrets are those with the controller's own credentials, in order and each once. What names them
// has been checked.
func (o Options) secrets() []string {
	var all []string
	for _, text := range o.RegistryServers {
		if server, err := kinds.All.ParseServer(text); err == nil && server.Secret != "" {
			all = append(all, server.Secret)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (o Options) controllerArgs() []string {
	args := []string{
		"--namespace=" + o.Namespace,
		"--barrier-namespace=" + BarrierNamespace,
		"--keys=/etc/lameduck/keys",
		"--agent-image=" + o.AgentImage,
	}
	if o.PullPolicy != "" {
		args = append(args, "--agent-pull-policy="+o.PullPolicy)
	}
	for _, server := range o.RegistryServers {
		args = append(args, strconv.Quote("--registry-server="+server)) // it has spaces
	}
	for _, secret := range o.RegistrySecrets {
		args = append(args, "--registry-secret="+secret)
	}
	if o.Ingresses {
		args = append(args, "--ingresses")
	}
	return append(args,
		"--webhook-port="+strconv.Itoa(o.Ports.Webhook), "--hub-port="+strconv.Itoa(o.Ports.Hub),
		"--metrics-port="+strconv.Itoa(o.Ports.Metrics), "--health-port="+strconv.Itoa(o.Ports.Health),
		"--barrier-ports="+o.BarrierPorts.String())
}
