package command

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/fake"
	"sigs.k8s.io/yaml"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/check/rules"
)

func TestReadLive(t *testing.T) {
	kinds := map[schema.GroupVersionResource]string{}
	for _, r := range liveResources {
		kinds[r] = strings.ToUpper(r.Resource[:1]) + r.Resource[1:] + "List"
	}
	var objects []runtime.Object
	for _, text := range []string{
		strings.Replace(flawed, "name: web\n", "name: web\n  namespace: shop\n", 1),
		strings.Replace(flawed, "name: web\n", "name: web\n  namespace: other\n", 1),
		"{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {lameduck.dev/inject: 'true'}}}",
		"{apiVersion: v1, kind: Namespace, metadata: {name: other}}",
		"{apiVersion: v1, kind: Pod, metadata: {name: web-1, namespace: shop, uid: u, ownerReferences: [{kind: ReplicaSet, controller: true}]}, spec: {containers: [{name: a, image: b}]}, status: {phase: Running}}",
	} {
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(text), &o.Object); err != nil {
			t.Fatal(err)
		}
		objects = append(objects, o)
	}
	client := fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), kinds, objects...)
	var said []string
	in, err := readLive(context.Background(), client, "shop", func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) })
	if err != nil || len(in.Problems) > 0 {
		t.Fatal(err, in.Problems)
	}
	if len(said) != len(liveResources) || said[1] != "reading the cluster: deployments.apps, objects so far: 1; at most 30s for the next" {
		t.Errorf("progress: %q", said)
	}
	result, err := check.Run(context.Background(), in, check.Options{Rules: rules.All()})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range result.Findings {
		got = append(got, f.File+" "+f.Rule)
	}
	want := "cluster/shop/Deployment/web prestop-exceeds-grace, cluster/shop/Pod/web-1 not-injected"
	if s := strings.Join(got, ", "); s != want || result.Summary.Objects != 3 {
		t.Errorf("%s\nwant %s (%+v)", s, want, result.Summary)
	}
}
