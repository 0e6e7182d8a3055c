package command

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/lameduck-dev/lameduck/verify"
	"github.com/lameduck-dev/lameduck/verify/action"
	"github.com/lameduck-dev/lameduck/verify/job"
)

func TestInClusterUsage(t *testing.T) {
	for _, tt := range []struct {
		args []string
		says string
	}{
		{[]string{"--image=x"}, "--image would have no effect: it is about --in-cluster"},
		{[]string{"--dry-run"}, "--dry-run would have no effect"},
		{[]string{"--in-cluster", "--url=http://127.0.0.1:8080"}, "--url names 127.0.0.1, which is the Job's own pod"},
		{[]string{"--in-cluster", "--", "helm", "upgrade"}, "--in-cluster can't run helm: its image holds no other programs"},
		{[]string{"--in-cluster", "--start-timeout=0s"}, "--start-timeout 0s: must be more than 0"},
		{[]string{"--in-cluster", "--ca-file=ca.pem"}, "--ca-file names a file of this machine"},
		{[]string{"--in-cluster", "--do=reboot node1"}, "there are:"},
		{[]string{"--in-cluster", "--lanes=grpc9"}, `no lane "grpc9"`},
	} {
		_, _, err := verifyCommand(append([]string{"--url=http://app"}, tt.args...)...)
		var coded *exitError
		if !errors.As(err, &coded) || coded.code != verifyUsage || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%q: %v, want %q", tt.args, err, tt.says)
		}
	}
}

// specOf is the Job that a command line makes.
func specOf(t *testing.T, args ...string) job.Spec {
	t.Helper()
	f := &verifyFlags{}
	cmd := f.command(testBuild)
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	todo, err := f.parse(&action.Actor{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f.spec(cmd, "shop", todo)
}

// TestInClusterManifests holds what --dry-run prints.
func TestInClusterManifests(t *testing.T) {
	for name, args := range map[string][]string{
		"rollout": {"--in-cluster", "--url=http://app", "--kubeconfig=/k", "-n", "other", "-o", "json", "--rate=20", "--lanes=fresh,post", "-H", "A: b, c", "-H", "D: e", "--image=registry.example/lameduck:v1", "--do", "rollout-restart deploy/app"},
		"drain":   {"--in-cluster", "--url=http://app", "--image=registry.example/lameduck:v1", "--selector=app in (a,b)", "--do", "drain node2"},
		"nothing": {"--in-cluster", "--url=http://app", "--image=registry.example/lameduck:v1", "--no-watch"},
	} {
		t.Run(name, func(t *testing.T) {
			spec := specOf(t, args...)
			text, err := spec.Manifests("lameduck-verify-0")
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", "incluster", name+".yaml")
			if *update {
				write(t, file, string(text))
			}
			want, err := os.ReadFile(file)
			if err != nil || !bytes.Equal(text, want) {
				t.Errorf("%s (%v) is not what is made (-update writes it):\n%s", file, err, text)
			}
		})
	}
}

func TestFindImage(t *testing.T) {
	controller := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "ops", Name: "lameduck-controller", Labels: map[string]string{"app.kubernetes.io/name": "lameduck", "app.kubernetes.io/component": "controller"}}}
	controller.Spec.Template.Spec.Containers = []corev1.Container{{Name: "controller", Image: "here/lameduck:v2", ImagePullPolicy: corev1.PullNever}}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "default"}, ImagePullSecrets: []corev1.LocalObjectReference{{Name: "pull"}}}
	published := Build{Version: "v3", Images: "registry.example"}
	for _, tt := range []struct {
		name, given string
		installed   bool
		build       Build
		want        string
	}{
		{"named", "mine:v1", true, testBuild, "mine:v1  pull"},
		{"installed", "", true, published, "here/lameduck:v2 Never pull"},
		{"published", "", false, published, "registry.example/lameduck:v3  pull"},
		{"none", "", false, testBuild, "error: lameduck is not installed in this cluster, and this build has no published image: name one by --image"},
	} {
		client := fake.NewClientset(account)
		if tt.installed {
			client = fake.NewClientset(account, controller)
		}
		spec := job.Spec{Namespace: "shop", Image: tt.given}
		err := findImage(t.Context(), client, &spec, tt.build)
		got := fmt.Sprintf("%s %s %s", spec.Image, spec.PullPolicy, spec.PullSecrets[0].Name)
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestRightsInDocs writes the table of rights in both guides from what the Job is given.
func TestRightsInDocs(t *testing.T) {
	texts := func(rules []rbacv1.PolicyRule) string {
		var all []string
		for _, rule := range rules {
			all = append(all, action.Text(rule))
		}
		return strings.Join(all, "; ")
	}
	for page, words := range map[string]struct{ head, watch, service, everywhere string }{
		"docs/verify.md":    {"| for | rights in the namespace of the workload |", "watching (not with `--no-watch`)", "finding the Service of `--url` (not with `--selector`, nor with an action on a workload)", "in a ClusterRole: "},
		"docs/zh/verify.md": {"| 用途 | 在工作负载所在命名空间的权限 |", "观察（`--no-watch` 时不需要）", "找到 `--url` 的 Service（给了 `--selector` 或动作针对工作负载时不需要）", "在 ClusterRole 中："},
	} {
		var table strings.Builder
		fmt.Fprintf(&table, "%s\n|---|---|\n| %s | %s |\n| %s | %s |\n", words.head, words.watch, texts(verify.Rights()), words.service, action.Text(findsService))
		for _, do := range []string{
			"rollout-restart deploy/NAME", "scale deploy/NAME N", "delete-pod NAME", "delete-pod one-of deploy/NAME", "evict NAME", "evict one-of deploy/NAME", "drain NODE",
		} {
			todo, err := (&action.Actor{}).Parse(strings.Fields(strings.Replace(do, " N", " 0", strings.Count(do, "scale"))))
			if err != nil {
				t.Fatal(err)
			}
			rights := texts(todo.Rights.Namespace)
			if todo.Rights.Cluster != nil {
				rights = words.everywhere + texts(todo.Rights.Cluster)
			}
			fmt.Fprintf(&table, "| `%s` | %s |\n", do, rights)
		}
		path := filepath.Join("..", "..", "..", page)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		marked := regexp.MustCompile(`(?s)(<!-- The rights: [^\n]* -->\n).*?(<!-- end of the rights -->)`)
		if !marked.Match(text) {
			t.Fatalf("%s has no place for the rights", page)
		}
		want := marked.ReplaceAll(text, []byte("${1}"+table.String()+"${2}"))
		if *update {
			write(t, path, string(want))
		} else if !bytes.Equal(want, text) {
			t.Errorf("the rights in %s are stale: run this test with -update", page)
		}
	}
}
