package deploy

import (
	"bytes"
	"encoding/base64"
	"flag"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/lameduck-dev/lameduck/barrier"
	"github.com/lameduck-dev/lameduck/workload/v1alpha1"
)

var update = flag.Bool("update", false, "write the golden file")

func fixedKeys(t *testing.T) Keys {
	t.Helper()
	read := func(name string) []byte {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	return Keys{CACert: read("ca.crt"), CAKey: read("ca.key"), Hub: read("hub.key"), WebhookToken: read("webhook.token")}
}

func options(t *testing.T) Options {
	return Options{
		Namespace: Namespace, Image: "registry.example/lameduck:v1", AgentImage: "registry.example/lameduck-agent:v1",
		PullPolicy: "IfNotPresent", Replicas: 2, Keys: fixedKeys(t),
	}
}

func TestGolden(t *testing.T) {
	got, err := Render(options(t))
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("testdata/install.yaml", got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/install.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// objects decodes every document strictly: a field that the API does not have is an error.
func objects(t *testing.T, manifests []byte) []runtime.Object {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, appsv1.AddToScheme, rbacv1.AddToScheme, policyv1.AddToScheme, networkingv1.AddToScheme, admissionv1.AddToScheme, v1alpha1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	var all []runtime.Object
	for _, text := range strings.Split(string(manifests), "\n---\n") {
		if strings.Contains(text, "kind: CustomResourceDefinition") {
			continue
		}
		object, _, err := decoder.Decode([]byte(text), nil, nil)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		all = append(all, object)
	}
	return all
}

// TestParts checks what the manifests must agree on with one another.
func TestParts(t *testing.T) {
	o := options(t)
	o.Namespace = "elsewhere"
	manifests, err := Render(o)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(manifests, []byte(Namespace)) {
		t.Errorf("the default namespace is in manifests for another")
	}
	var webhook *admissionv1.MutatingWebhookConfiguration
	var secret *corev1.Secret
	var deployment *appsv1.Deployment
	services := map[string]*corev1.Service{}
	for _, object := range objects(t, manifests) {
		switch object := object.(type) {
		case *admissionv1.MutatingWebhookConfiguration:
			webhook = object
		case *corev1.Secret:
			secret = object
		case *appsv1.Deployment:
			deployment = object
		case *corev1.Service:
			services[object.Name] = object
		}
	}
	hook := webhook.Webhooks[0]
	if !bytes.Equal(hook.ClientConfig.CABundle, secret.Data["ca.crt"]) {
		t.Error("the API server trusts another CA than the one of the Secret")
	}
	if service := services[hook.ClientConfig.Service.Name]; service == nil || service.Namespace != "elsewhere" || hook.ClientConfig.Service.Namespace != "elsewhere" {
		t.Error("the webhook calls a Service that is not there")
	}
	if *hook.FailurePolicy != admissionv1.Ignore {
		t.Error("a webhook that is down would keep pods from starting")
	}
	if got := deployment.Spec.Template.Spec.Volumes[0].Secret.SecretName; got != secret.Name {
		t.Errorf("the controller mounts Secret %s, its keys are in %s", got, secret.Name)
	}
	for key, value := range services["lameduck-webhook"].Spec.Selector {
		if deployment.Spec.Template.Labels[key] != value {
			t.Errorf("the webhook's Service selects %s=%s, the pods have %v", key, value, deployment.Spec.Template.Labels)
		}
	}
	if services[HubService].Spec.Selector != nil {
		t.Error("the hub's Service has a selector: its slice would be written for all replicas")
	}
}

// TestNoSecretsNoWebhooks: the controller can't read Secrets or change webhooks, and writes
// nothing outside its two namespaces but events and questions about tokens and rights.
func TestNoSecretsNoWebhooks(t *testing.T) {
	for _, ingresses := range []bool{false, true} {
		o := options(t)
		o.Ingresses = ingresses
		testRights(t, o)
	}
}

func testRights(t *testing.T, o Options) {
	manifests, err := Render(o)
	if err != nil {
		t.Fatal(err)
	}
	ingresses := false
	for _, object := range objects(t, manifests) {
		if own, ok := object.(*rbacv1.Role); ok && own.Namespace != options(t).Namespace && own.Namespace != BarrierNamespace {
			want := []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"configmaps"}, ResourceNames: []string{"kube-proxy"}, Verbs: []string{"get"}}}
			if own.Namespace != "kube-system" || !reflect.DeepEqual(own.Rules, want) {
				t.Errorf("in namespace %s it may %v", own.Namespace, own.Rules)
			}
		}
		role, ok := object.(*rbacv1.ClusterRole)
		if !ok {
			continue
		}
		for _, rule := range role.Rules {
			for _, resource := range rule.Resources {
				reads := strings.Join(rule.Verbs, ",") == "get,list,watch"
				switch resource {
				case "events", "tokenreviews", "subjectaccessreviews":
				case "pods", "services", "nodes", "namespaces", "endpointslices", "drainpolicies":
					if !reads {
						t.Errorf("%s: verbs %v everywhere", resource, rule.Verbs)
					}
				case "ingresses":
					ingresses = reads
				default:
					t.Errorf("%v on %s is more than the design allows", rule.Verbs, resource)
				}
			}
		}
	}
	if ingresses != o.Ingresses || ingresses != bytes.Contains(manifests, []byte("- --ingresses\n")) {
		t.Errorf("with Ingresses %t it may read them: %t", o.Ingresses, ingresses)
	}
}

// TestHostNetwork: for API servers that reach nodes and not pods.
func TestHostNetwork(t *testing.T) {
	o := options(t)
	o.HostNetwork, o.Ports = true, Ports{Webhook: 10260, Hub: 18080, Metrics: 18081, Health: 18082}
	manifests, err := Render(o)
	if err != nil {
		t.Fatal(err)
	}
	if port := regexp.MustCompile(`\b(9443|808[012])\b`).Find(manifests); port != nil {
		t.Errorf("port %s is in manifests with others", port)
	}
	for _, object := range objects(t, manifests) {
		switch object := object.(type) {
		case *appsv1.Deployment:
			spec := object.Spec.Template.Spec
			if !spec.HostNetwork || spec.DNSPolicy != corev1.DNSClusterFirstWithHostNet || object.Spec.Strategy.RollingUpdate.MaxSurge.IntValue() != 0 {
				t.Errorf("%+v", spec)
			}
		case *corev1.Namespace:
			want := map[string]string{o.Namespace: "privileged", BarrierNamespace: "restricted"}[object.Name]
			if got := object.Labels["pod-security.kubernetes.io/enforce"]; got != want {
				t.Errorf("namespace %s enforces %s, want %s", object.Name, got, want)
			}
		}
	}
}

// TestOneReplica: a budget for the only replica would keep its node from ever being drained.
func TestOneReplica(t *testing.T) {
	o := options(t)
	o.Replicas = 1
	manifests, err := Render(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range objects(t, manifests) {
		if _, ok := object.(*policyv1.PodDisruptionBudget); ok {
			t.Error("it has a PodDisruptionBudget")
		}
	}
}

func TestOptions(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"namespace":   func(o *Options) { o.Namespace = "No_Name" },
		"image":       func(o *Options) { o.Image = "a b" },
		"no image":    func(o *Options) { o.AgentImage = "" },
		"pull policy": func(o *Options) { o.PullPolicy = "Sometimes" },
		"replicas":    func(o *Options) { o.Replicas = 0 },
		"low port":    func(o *Options) { o.Ports = DefaultPorts; o.Ports.Webhook = 443 },
		"port twice":  func(o *Options) { o.Ports = DefaultPorts; o.Ports.Hub = 9443 },
		"a barrier's": func(o *Options) { o.Ports = DefaultPorts; o.Ports.Hub = 20500 },
		"barrier":     func(o *Options) { o.BarrierPorts = barrier.Numbers{First: 8000, Last: 9000} },
		"keys":        func(o *Options) { o.Keys.Hub = []byte("nonsense") },
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t)
			change(&o)
			if manifests, err := Render(o); err == nil || manifests != nil {
				t.Errorf("rendered %d bytes, error %v", len(manifests), err)
			}
		})
	}
}

func TestKeys(t *testing.T) {
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	made, err := NewKeys(now)
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewKeys(now)
	if err != nil {
		t.Fatal(err)
	}
	data := func() map[string][]byte {
		return map[string][]byte{"ca.crt": made.CACert, "ca.key": made.CAKey, "hub.key": made.Hub, "webhook.token": made.WebhookToken}
	}
	read, err := KeysFrom(data(), now)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(made, read); diff != "" {
		t.Errorf("keys change by being kept:\n%s", diff)
	}
	if bytes.Equal(made.CAKey, other.CAKey) || bytes.Equal(made.Hub, other.Hub) || bytes.Equal(made.WebhookToken, other.WebhookToken) {
		t.Error("two installations got the same keys")
	}
	for name, change := range map[string]func(map[string][]byte){
		"no certificate": func(d map[string][]byte) { delete(d, "ca.crt") },
		"another CA":     func(d map[string][]byte) { d["ca.key"] = other.CAKey },
		"a bad token":    func(d map[string][]byte) { d["webhook.token"] = []byte("../x") },
		"no key":         func(d map[string][]byte) { d["ca.key"] = []byte("x") },
		"no hub":         func(d map[string][]byte) { d["hub.key"] = []byte(base64.StdEncoding.EncodeToString([]byte("short"))) },
	} {
		t.Run(name, func(t *testing.T) {
			d := data()
			change(d)
			if _, err := KeysFrom(d, now); err == nil {
				t.Error("no error")
			}
		})
	}
	older := data()
	delete(older, "webhook.token")
	if renewed, err := KeysFrom(older, now); err != nil || len(renewed.WebhookToken) != 32 {
		t.Errorf("keys of an installation without a token: %q, %v", renewed.WebhookToken, err)
	}
	if _, err := KeysFrom(data(), now.Add(caLife+time.Hour)); err == nil || !strings.Contains(err.Error(), "was valid until") {
		t.Errorf("an old CA: %v", err)
	}
}

// TestWebhookFrom: the API servers alone, if they are named; agents' pods in any case.
func TestWebhookFrom(t *testing.T) {
	options := options(t)
	options.WebhookFrom = []string{"10.0.0.0/28", "fd00::/64"}
	manifests, err := Render(options)
	if err != nil {
		t.Fatal(err)
	}
	var policy *networkingv1.NetworkPolicy
	for _, object := range objects(t, manifests) {
		if found, is := object.(*networkingv1.NetworkPolicy); is {
			policy = found
		}
	}
	if policy == nil {
		t.Fatal("there is no NetworkPolicy")
	}
	webhook := policy.Spec.Ingress[0]
	if len(webhook.From) != 2 || webhook.From[0].IPBlock.CIDR != "10.0.0.0/28" || webhook.From[1].IPBlock.CIDR != "fd00::/64" || webhook.Ports[0].Port.IntValue() != 9443 {
		t.Errorf("the webhook is open to %+v", webhook)
	}
	options.WebhookFrom = []string{"10.0.0.1"}
	if _, err := Render(options); err == nil || !strings.Contains(err.Error(), "CIDR") {
		t.Errorf("an address: %v", err)
	}
}

// TestCRD reads the generated definition as the API server's tools do.
func TestCRD(t *testing.T) {
	var crd struct {
		Metadata struct{ Name string }
		Spec     struct {
			Group string
			Names struct{ Kind string }
		}
	}
	if err := yaml.Unmarshal(v1alpha1.CRD, &crd); err != nil {
		t.Fatal(err)
	}
	if crd.Metadata.Name != "drainpolicies."+v1alpha1.GroupVersion.Group || crd.Spec.Names.Kind != "DrainPolicy" {
		t.Errorf("it defines %s, %s", crd.Metadata.Name, crd.Spec.Names.Kind)
	}
}

func TestRegistriesNeedNoMoreThanTheyName(t *testing.T) {
	options := options(t)
	options.RegistryServers = []string{"nacos server=nacos.infra:8848 secret=nacos", "eureka server=http://a:8761/eureka,http://b:8761/eureka"}
	options.RegistrySecrets = []string{"shop/orders"}
	manifests, err := Render(options)
	if err != nil {
		t.Fatal(err)
	}
	var args []string
	secrets := map[string][]string{}
	for _, object := range objects(t, manifests) {
		switch object := object.(type) {
		case *appsv1.Deployment:
			args = object.Spec.Template.Spec.Containers[0].Args
		case *rbacv1.Role:
			for _, rule := range object.Rules {
				if slices.Contains(rule.Resources, "secrets") {
					secrets[object.Namespace+"/"+strings.Join(rule.Verbs, ",")] = rule.ResourceNames
				}
			}
		}
	}
	if diff := cmp.Diff(map[string][]string{Namespace + "/get": {"nacos"}}, secrets); diff != "" {
		t.Errorf("the controller may read other Secrets (-want +got):\n%s", diff)
	}
	for _, arg := range []string{"--registry-server=" + options.RegistryServers[0], "--registry-server=" + options.RegistryServers[1], "--registry-secret=shop/orders"} {
		if !slices.Contains(args, arg) {
			t.Errorf("%q lacks %q", args, arg)
		}
	}
	for _, change := range []func(*Options){
		func(o *Options) { o.RegistryServers = []string{"nacos.infra:8848"} },
		func(o *Options) { o.RegistryServers = []string{"nacos server=a:1 ca-file=/x"} },
		func(o *Options) { o.RegistryServers = []string{"nacos server=a:1 secret=../x"} },
		func(o *Options) { o.RegistryServers = []string{"nacos server=a:1 secret=" + KeysSecret} },
		func(o *Options) { o.RegistrySecrets = []string{"nacos"} },
		func(o *Options) { o.RegistrySecrets = []string{"shop/*"} },
	} {
		wrong := options
		change(&wrong)
		if _, err := Render(wrong); err == nil {
			t.Errorf("%q and %q were taken", wrong.RegistryServers, wrong.RegistrySecrets)
		}
	}
}
