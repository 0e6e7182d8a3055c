//go:build cluster

package cluster_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/lameduck-dev/lameduck/test/cluster/cluster"
	"github.com/lameduck-dev/lameduck/test/cluster/internal/pki"
)

// TestCluster checks what a real cluster must have: who may do what, and who reaches whom.
func TestCluster(t *testing.T) {
	e := start(t, cluster.Options{Name: "test-access", Nodes: 2})
	_, service := e.serve(t, "probe", "node1")

	t.Run("nodes", e.testNodes)
	t.Run("second start", e.testSecondStart)
	t.Run("token review", e.testTokenReview)
	t.Run("rbac", e.testRBAC)
	t.Run("node restriction", e.testNodeRestriction)
	t.Run("kubelet needs credentials", e.testKubelet)
	t.Run("pod security", e.testPodSecurity)
	t.Run("webhook", e.testWebhook)
	t.Run("logs", func(t *testing.T) {
		if got := e.kubectl(t, "logs", "probe"); got != "probe serves" {
			t.Errorf("logs: %q", got)
		}
	})
	t.Run("exec", func(t *testing.T) {
		if got := e.kubectl(t, "exec", "probe", "--", "/probe", "say", "hello"); got != "hello" {
			t.Errorf("exec: %q", got)
		}
	})
	t.Run("service from every node", func(t *testing.T) {
		for _, node := range e.Nodes() {
			eventually(t, 10*time.Second, "an answer on "+node.Name(), func() bool {
				body, err := get(t.Context(), node, service, "/")
				return err == nil && body == "probe"
			})
		}
	})
	t.Run("dns", func(t *testing.T) {
		eventually(t, 30*time.Second, "the Service's name to resolve", func() bool {
			answer, err := e.Kubectl(t.Context(), "exec", "probe", "--", "/probe", "lookup", "probe.default.svc.cluster.local")
			return err == nil && strings.TrimSpace(answer) == service.Addr().String()
		})
	})
}

func get(ctx context.Context, node *cluster.Node, address netip.AddrPort, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	client := http.Client{Transport: &http.Transport{DialContext: node.DialContext, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address.String()+path, nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

func (e env) testNodes(t *testing.T) {
	nodes, err := e.client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range nodes.Items {
		want, err := e.Node(node.Name)
		if err != nil {
			t.Fatal(err)
		}
		if got := node.Status.Addresses[0].Address; got != want.Address().String() {
			t.Errorf("%s has the address %s, want %s", node.Name, got, want.Address())
		}
		if got := node.Status.NodeInfo.KubeletVersion; got != cluster.KubernetesVersion {
			t.Errorf("%s runs %s, want %s", node.Name, got, cluster.KubernetesVersion)
		}
	}
	if len(nodes.Items) != 2 {
		t.Errorf("%d nodes, want 2", len(nodes.Items))
	}
}

func (e env) testSecondStart(t *testing.T) {
	_, err := cluster.Start(t.Context(), cluster.Options{Name: e.Name()})
	if err == nil || !strings.Contains(err.Error(), "is already up") || !strings.Contains(err.Error(), "down --name") {
		t.Errorf("a second start: %v", err)
	}
	if attached, err := cluster.Attach(e.Name()); err != nil || !attached.APIServer.Running() {
		t.Errorf("after a second start the first is gone: %v", err)
	}
}

func (e env) testTokenReview(t *testing.T) {
	const audience = "lameduck.dev/test"
	pod, err := e.client.CoreV1().Pods("default").Get(t.Context(), "probe", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	token, err := e.client.CoreV1().ServiceAccounts("default").CreateToken(t.Context(), "default", &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{
			Audiences:      []string{audience},
			BoundObjectRef: &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		audience string
		want     bool
	}{{audience, true}, {"somebody else", false}} {
		review, err := e.client.AuthenticationV1().TokenReviews().Create(t.Context(), &authenticationv1.TokenReview{
			Spec: authenticationv1.TokenReviewSpec{Token: token.Status.Token, Audiences: []string{test.audience}},
		}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if review.Status.Authenticated != test.want {
			t.Errorf("audience %q: authenticated %v, want %v (%s)", test.audience, review.Status.Authenticated, test.want, review.Status.Error)
		}
		if names := review.Status.User.Extra["authentication.kubernetes.io/pod-name"]; test.want && (len(names) != 1 || names[0] != "probe") {
			t.Errorf("the token names the pods %v, want probe", names)
		}
	}
}

// withToken is a client with a token instead of the administrator's certificate.
func (e env) withToken(t *testing.T, token string) kubernetes.Interface {
	t.Helper()
	config, err := e.RESTConfig()
	if err != nil {
		t.Fatal(err)
	}
	config = rest.AnonymousClientConfig(config)
	config.BearerToken = token
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func (e env) testRBAC(t *testing.T) {
	token, err := e.client.CoreV1().ServiceAccounts("default").CreateToken(t.Context(), "default",
		&authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for who, test := range map[string]struct {
		token string
		is    func(error) bool
	}{
		"a service account": {token.Status.Token, apierrors.IsForbidden},
		"no token":          {"", apierrors.IsForbidden},
		"an invalid token":  {"abc", apierrors.IsUnauthorized},
	} {
		_, err := e.withToken(t, test.token).CoreV1().Secrets("default").List(t.Context(), metav1.ListOptions{})
		if !test.is(err) {
			t.Errorf("listing secrets with %s: %v", who, err)
		}
	}
}

func (e env) testNodeRestriction(t *testing.T) {
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(e.Dir(), "node1", "kubelet.kubeconfig"))
	if err != nil {
		t.Fatal(err)
	}
	node1, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	label := func(node string) error {
		_, err := node1.CoreV1().Nodes().Patch(t.Context(), node, types.MergePatchType,
			[]byte(`{"metadata":{"labels":{"node.kubernetes.io/tested":"yes"}}}`), metav1.PatchOptions{})
		return err
	}
	if err := label("node1"); err != nil {
		t.Errorf("node1's kubelet may not label node1: %v", err)
	}
	if err := label("node2"); !apierrors.IsForbidden(err) {
		t.Errorf("node1's kubelet labels node2: %v", err)
	}
	if _, err := node1.CoreV1().Secrets("kube-system").List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("node1's kubelet lists secrets: %v", err)
	}
}

func (e env) testKubelet(t *testing.T) {
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	response, err := client.Get(fmt.Sprintf("https://%s/pods", net.JoinHostPort(e.node(t, "node1").Address().String(), "10250")))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("without credentials the kubelet answers %s", response.Status)
	}
}

func (e env) testPodSecurity(t *testing.T) {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: "restricted", Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}}
	if _, err := e.client.CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, "the service account of the new namespace", func() bool {
		_, err := e.client.CoreV1().ServiceAccounts("restricted").Get(t.Context(), "default", metav1.GetOptions{})
		return err == nil
	})
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "root"}, Spec: corev1.PodSpec{
		Containers: []corev1.Container{{Name: "probe", Image: probeImage}},
	}}
	_, err := e.client.CoreV1().Pods("restricted").Create(t.Context(), pod, metav1.CreateOptions{})
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "PodSecurity") {
		t.Errorf("a pod without a security context in a restricted namespace: %v", err)
	}
}

func (e env) testWebhook(t *testing.T) {
	ca, err := pki.NewAuthority("webhook")
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := ca.Issue(pki.Subject{CommonName: "webhook", Hosts: []string{"webhook.default.svc"}})
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := os.ReadFile("testdata/webhook.yaml")
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.StdEncoding.EncodeToString
	e.apply(t, strings.NewReplacer(
		"CA_BUNDLE", encode(ca.PEM), "TLS_CRT", encode(leaf.Certificate), "TLS_KEY", encode(leaf.Key),
	).Replace(string(manifest)))
	e.kubectl(t, "wait", "--for=condition=Ready", "pod/webhook", "--timeout=60s")
	var last error
	eventually(t, 15*time.Second, "the webhook to be asked", func() bool {
		_, last = e.client.CoreV1().ConfigMaps("default").Create(t.Context(),
			&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "denied-"}}, metav1.CreateOptions{})
		return last != nil && strings.Contains(last.Error(), "the probe says no")
	})
}
