package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/lameduck-dev/lameduck/report"
)

// RemoteNamespace is the only namespace of an existing cluster that a demo deploys to, besides
// those of lameduck itself.
const RemoteNamespace = "lameduck-demo"

// Remote is an existing cluster; the load runs in one of its pods.
type Remote struct {
	client    kubernetes.Interface
	context   string
	dir       string
	brought   bool   // the demo's namespace is ours to delete
	installed string // the manifests that Close deletes again; empty if lameduck was there before
	progress  io.Writer
}

// RemoteOptions say which cluster, and how images get there.
type RemoteOptions struct {
	Context  string // of the kubeconfig
	Loaded   bool   // the images are already on the nodes
	Progress io.Writer
}

// Connect prepares a demo on an existing cluster: images, lameduck itself unless it is there,
// and a namespace for the application. Close removes what Connect brought.
func Connect(ctx context.Context, options RemoteOptions) (*Remote, error) {
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(clientcmd.NewDefaultClientConfigLoadingRules(),
		&clientcmd.ConfigOverrides{CurrentContext: options.Context}).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("context %q: %w", options.Context, err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("context %q: %w", options.Context, err)
	}
	r := &Remote{client: client, context: options.Context, progress: options.Progress}
	if r.dir, err = os.MkdirTemp("", "lameduck-demo-"); err != nil {
		return nil, fmt.Errorf("making a folder for the images: %w", err)
	}
	if err := r.prepare(ctx, options); err != nil {
		return nil, errors.Join(err, r.Close(context.WithoutCancel(ctx)))
	}
	return r, nil
}

func (r *Remote) prepare(ctx context.Context, options RemoteOptions) error {
	if _, err := r.client.CoreV1().Namespaces().Get(ctx, RemoteNamespace, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		if err == nil {
			return fmt.Errorf("namespace %s already exists, from an earlier demo or your own: delete it first", RemoteNamespace)
		}
		return fmt.Errorf("context %q: %w", r.context, err)
	}
	fmt.Fprintln(r.progress, "building the images")
	archives, err := Build(ctx, r.dir)
	if err != nil {
		return err
	}
	if !options.Loaded {
		if err := r.load(ctx, archives); err != nil {
			return err
		}
	}
	if err := r.install(ctx); err != nil {
		return err
	}
	r.brought = true
	return r.apply(ctx, remoteManifests)
}

// load puts the images on the nodes of kind and minikube clusters.
func (r *Remote) load(ctx context.Context, archives []string) error {
	for _, archive := range archives {
		var cmd *exec.Cmd
		if name, ok := strings.CutPrefix(r.context, "kind-"); ok {
			cmd = exec.CommandContext(ctx, "kind", "load", "image-archive", archive, "--name", name)
		} else if r.context == "minikube" {
			cmd = exec.CommandContext(ctx, "minikube", "image", "load", archive)
		} else {
			return fmt.Errorf("context %q is neither kind nor minikube: load the images %s on its nodes yourself (archives: make images), then add IMAGES=loaded", r.context, strings.Join(imageTags(), ", "))
		}
		fmt.Fprintf(r.progress, "loading %s\n", filepath.Base(archive))
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", cmd, err, out)
		}
	}
	return nil
}

func imageTags() (tags []string) {
	for _, img := range images {
		tags = append(tags, img.tag)
	}
	return tags
}

// install installs lameduck unless it is there: then the demo uses it as it is.
func (r *Remote) install(ctx context.Context) error {
	_, err := r.client.AppsV1().Deployments(controlNamespace).Get(ctx, controller, metav1.GetOptions{})
	if err == nil {
		fmt.Fprintln(r.progress, "lameduck is already installed; using it as it is")
		return nil
	}
	if !apierrors.IsNotFound(err) {
		return fmt.Errorf("looking for lameduck: %w", err)
	}
	fmt.Fprintln(r.progress, "installing lameduck")
	manifests, err := installManifests(ctx, r.dir, "--context", r.context)
	if err != nil {
		return err
	}
	r.installed = manifests
	if err := r.apply(ctx, manifests); err != nil {
		return err
	}
	return waitInstalled(ctx, r.client)
}

func (r *Remote) apply(ctx context.Context, manifests string) error {
	return r.kubectl(ctx, manifests, "apply", "-f", "-")
}

func (r *Remote) kubectl(ctx context.Context, stdin string, args ...string) error {
	cmd := exec.CommandContext(ctx, "kubectl", append([]string{"--context", r.context}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("kubectl %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// remoteManifests give the load's pod the rights that verify needs, in the demo's namespace only.
const remoteManifests = `
apiVersion: v1
kind: Namespace
metadata: {name: ` + RemoteNamespace + `}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: verify, namespace: ` + RemoteNamespace + `}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: verify, namespace: ` + RemoteNamespace + `}
rules:
- {apiGroups: [""], resources: [pods, pods/log, events, services], verbs: [get, list, watch]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}
- {apiGroups: [apps], resources: [deployments, replicasets], verbs: [get, list, watch, patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: verify, namespace: ` + RemoteNamespace + `}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: verify}
subjects: [{kind: ServiceAccount, name: verify}]
`

// Run does the trial with the load in a pod of the cluster. Nodes there can't be made to fail,
// so the trial's Before is not run.
func (r *Remote) Run(ctx context.Context, t Trial) (*Seen, error) {
	app, words := t.app(RemoteNamespace)
	if _, err := app.Deploy(ctx, r.client); err != nil {
		return nil, err
	}
	result, err := r.verify(ctx, app, words, t.Rate)
	if rmErr := app.Remove(context.WithoutCancel(ctx), r.client); err == nil {
		err = rmErr
	}
	if err != nil {
		return nil, err
	}
	return judge(result, nil), nil
}

func (r *Remote) verify(ctx context.Context, app App, words string, rate float64) (*report.Verify, error) {
	pods := r.client.CoreV1().Pods(RemoteNamespace)
	name := "verify-" + app.Name
	pod, err := pods.Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{
			ServiceAccountName: "verify",
			RestartPolicy:      corev1.RestartPolicyNever,
			Containers: []corev1.Container{{
				Name: "verify", Image: ControllerImage, ImagePullPolicy: corev1.PullIfNotPresent,
				Args: []string{"verify", "--url=http://" + app.Name, fmt.Sprintf("--rate=%v", rate),
					"--namespace=" + RemoteNamespace, "--do=" + words, "--output=json"},
			}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("starting the load: %w", err)
	}
	err = wait.PollUntilContextTimeout(ctx, 500*time.Millisecond, 5*time.Minute, true, func(ctx context.Context) (bool, error) {
		pod, err = pods.Get(ctx, name, metav1.GetOptions{})
		return err == nil && done(pod), err
	})
	if err != nil {
		return nil, fmt.Errorf("waiting for the load: pod %s is %s: %w", name, pod.Status.Phase, err)
	}
	logs, err := pods.GetLogs(name, &corev1.PodLogOptions{}).DoRaw(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the load's result: %w", err)
	}
	// Progress and result share the log; the result is the JSON object at its end.
	_, result, found := bytes.Cut(append([]byte("\n"), logs...), []byte("\n{"))
	var read report.Verify
	if !found {
		return nil, fmt.Errorf("the load gave no result:\n%s", logs)
	}
	if err := json.NewDecoder(bytes.NewReader(append([]byte("{"), result...))).Decode(&read); err != nil {
		return nil, fmt.Errorf("reading the load's result: %w", err)
	}
	return &read, nil
}

// Close removes the demo's namespace, and lameduck if the demo brought it.
func (r *Remote) Close(ctx context.Context) error {
	var err error
	if r.brought {
		fmt.Fprintln(r.progress, "cleaning up")
		err = r.kubectl(ctx, "", "delete", "namespace", RemoteNamespace, "--ignore-not-found", "--wait")
	}
	if r.installed != "" {
		err = errors.Join(err, r.kubectl(ctx, r.installed, "delete", "-f", "-", "--ignore-not-found", "--wait"))
	}
	return errors.Join(err, os.RemoveAll(r.dir))
}
