package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/lameduck-dev/lameduck/cmd/lameduck/command/status"
	"github.com/lameduck-dev/lameduck/deploy"
	"github.com/lameduck-dev/lameduck/verify"
	"github.com/lameduck-dev/lameduck/verify/action"
	"github.com/lameduck-dev/lameduck/verify/job"
	"github.com/lameduck-dev/lameduck/workload/printable"
)

// inCluster are the flags of a run in the cluster.
type inCluster struct {
	on           bool
	image        string
	dryRun       bool
	startTimeout time.Duration
}

// elsewhere are the flags that say where and how this program runs, and not the one in the cluster.
var elsewhere = []string{"in-cluster", "image", "dry-run", "start-timeout", "kubeconfig", "context", "namespace", "output"}

const (
	// packed is the output of a run in the cluster: for the client that follows its log.
	packed = "packed"
	// roleFlag names the ClusterRole that a run in the cluster deletes at its end.
	roleFlag = "own-cluster-role"
)

func (f *inCluster) add(flags *pflag.FlagSet) {
	flags.BoolVar(&f.on, "in-cluster", false, "run where the clients are: as a Job in the namespace, which is removed afterwards")
	flags.StringVar(&f.image, "image", "", "image of the Job, with /lameduck in it (default: that of the cluster's installation)")
	flags.BoolVar(&f.dryRun, "dry-run", false, "print what --in-cluster would create, and create nothing")
	flags.DurationVar(&f.startTimeout, "start-timeout", 2*time.Minute, "longest time until the Job's pod runs")
}

// check refuses what can't be done in a cluster, and flags that would have no effect.
func (f *inCluster) check(cmd *cobra.Command, args []string) error {
	if !f.on {
		return idle(cmd, "it is about --in-cluster", "image", "dry-run", "start-timeout")
	}
	if len(args) > 0 {
		return fmt.Errorf("--in-cluster can't run %s: its image holds no other programs; run verify here, or give an action by --do", args[0])
	}
	if cmd.Flags().Changed("ca-file") {
		return errors.New("--ca-file names a file of this machine, which the Job can't read: with --in-cluster give --insecure-skip-verify, or run verify in a pod that has the file")
	}
	if own := loopback(cmd.Flag("url").Value.String()); own != "" {
		return fmt.Errorf("--url names %s, which is the Job's own pod: with --in-cluster name the Service, as in http://app", own)
	}
	if f.startTimeout <= 0 {
		return fmt.Errorf("--start-timeout %v: must be more than 0", f.startTimeout)
	}
	return nil
}

// loopback is the host of a URL if that is whoever asks, else empty.
func loopback(target string) string {
	u, err := url.Parse(target)
	if err != nil {
		return ""
	}
	if host := u.Hostname(); host == "localhost" || net.ParseIP(host).IsLoopback() {
		return host
	}
	return ""
}

// runInCluster does by a Job what run does here.
func (f *verifyFlags) runInCluster(cmd *cobra.Command, build Build) error {
	todo, err := f.parse(&action.Actor{}, nil)
	if err != nil {
		return &exitError{verifyUsage, err}
	}
	if err := f.options.Validate(); err != nil {
		return &exitError{verifyUsage, err}
	}
	progress := startProgress(cmd.ErrOrStderr())
	defer progress.stop()
	client, namespace, asker, err := f.reach(cmd.Context(), progress)
	if err != nil {
		return &exitError{verifyFailed, err}
	}
	spec := f.spec(cmd, namespace, todo)
	err = asker.ask(cmd.Context(), answerTimeout, "which image to run", func(ctx context.Context) error {
		return findImage(ctx, client, &spec, build)
	})
	if err != nil {
		return &exitError{verifyFailed, err}
	}
	name := job.NewName()
	if len(spec.ClusterRules) > 0 {
		spec.Args = append(spec.Args, "--"+roleFlag+"="+name)
	}
	if f.inCluster.dryRun {
		return printManifests(cmd, &spec, name)
	}
	result, code, err := job.Run(cmd.Context(), job.Options{
		Client: client, Name: name, Spec: spec, StartTimeout: f.inCluster.startTimeout, Out: cmd.ErrOrStderr(), Progress: progress.say,
	})
	if err != nil {
		return &exitError{verifyFailed, err}
	}
	if result != nil {
		if err := f.write(cmd, result); err != nil {
			return err
		}
	}
	switch {
	case code == job.Unknown && cmd.Context().Err() != nil:
		code = verifyFailed
	case code == job.Unknown:
		code = codeOf(result)
	}
	if code == 0 {
		return nil
	}
	return &exitError{code, nil}
}

func printManifests(cmd *cobra.Command, spec *job.Spec, name string) error {
	text, err := spec.Manifests(name)
	if err != nil {
		return &exitError{verifyFailed, err}
	}
	if _, err := dataOut(cmd).Write(text); err != nil {
		return &exitError{verifyFailed, fmt.Errorf("writing the manifests: %w", err)}
	}
	return nil
}

// spec says what the Job is, but for its image: this command line, and the rights that it needs.
func (f *verifyFlags) spec(cmd *cobra.Command, namespace string, todo *action.Action) job.Spec {
	spec := job.Spec{Namespace: namespace, Image: f.inCluster.image, Lasts: f.lasts()}
	spec.Args = append([]string{"verify", "--output=" + packed}, passed(cmd.Flags())...)
	if !f.noWatch || todo != nil {
		spec.Args = append(spec.Args, "--namespace="+namespace)
	}
	spec.Rules = f.rights(todo)
	if todo != nil {
		spec.ClusterRules, spec.AvoidNode = todo.Rights.Cluster, todo.Node
	}
	return spec
}

// rights are those that this command line needs in the namespace.
func (f *verifyFlags) rights(todo *action.Action) []rbacv1.PolicyRule {
	var rules []rbacv1.PolicyRule
	if !f.noWatch {
		rules = verify.Rights()
		if f.selector == "" && (todo == nil || todo.Workload == nil) {
			rules = append(rules, findsService)
		}
	}
	if todo != nil {
		rules = append(rules, todo.Rights.Namespace...)
	}
	return rules
}

// findsService is the right to find the Service that the URL names.
var findsService = action.Rule("", "services", nil, "list")

// passed are the flags that were given, for another lameduck.
func passed(flags *pflag.FlagSet) []string {
	var args []string
	flags.Visit(func(flag *pflag.Flag) {
		if slices.Contains(elsewhere, flag.Name) {
			return
		}
		values := []string{flag.Value.String()}
		if several, ok := flag.Value.(pflag.SliceValue); ok {
			values = several.GetSlice()
		}
		for _, value := range values {
			args = append(args, "--"+flag.Name+"="+value)
		}
	})
	return args
}

// lasts is the most that the run may take, from the Job's creation on. The Job ends then, should nobody be
// there to remove it.
func (f *verifyFlags) lasts() time.Duration {
	const (
		answers = 10 * time.Minute // the target's first answers, and the API server's
		gone    = 15 * time.Minute // the last pods' grace period, and what was in flight
	)
	o := &f.options
	work := o.Duration + o.Hold
	if f.do != "" {
		work += o.Before + o.ActionTimeout + o.After + gone
	}
	return f.inCluster.startTimeout + answers + work
}

// findImage fills in the image, unless it was named, and how to pull it.
func findImage(ctx context.Context, client kubernetes.Interface, spec *job.Spec, build Build) error {
	if account, err := client.CoreV1().ServiceAccounts(spec.Namespace).Get(ctx, "default", metav1.GetOptions{}); err == nil {
		spec.PullSecrets = account.ImagePullSecrets // as the other pods there are pulled
	}
	if spec.Image != "" {
		return nil
	}
	installed, err := installedController(ctx, client)
	switch {
	case err != nil:
		return fmt.Errorf("finding the image that the cluster's installation runs: %w (or name one by --image)", err)
	case installed != nil:
		spec.Image, spec.PullPolicy = installed.Image, installed.ImagePullPolicy
	case strings.HasPrefix(build.image(), LocalImages+"/"):
		return errors.New("lameduck is not installed in this cluster, and this build has no published image: name one by --image")
	default:
		spec.Image = build.image()
	}
	return nil
}

// installedController is the controller's container, or nil where there is no installation.
func installedController(ctx context.Context, client kubernetes.Interface) (*corev1.Container, error) {
	list, err := client.AppsV1().Deployments(metav1.NamespaceAll).List(ctx, metav1.ListOptions{LabelSelector: status.Controllers})
	if err != nil {
		// Who may not look everywhere may look where it usually is.
		var here error
		if list, here = client.AppsV1().Deployments(deploy.Namespace).List(ctx, metav1.ListOptions{LabelSelector: status.Controllers}); here != nil {
			return nil, cmp.Or(err, here)
		}
	}
	for _, deployment := range list.Items {
		for _, container := range deployment.Spec.Template.Spec.Containers {
			if container.Name == "controller" {
				return &container, nil
			}
		}
	}
	return nil, nil
}

// deleteOwnRole deletes the ClusterRole of a run in the cluster: nothing else would, should its client be
// gone.
func (f *verifyFlags) deleteOwnRole(cmd *cobra.Command) {
	if f.ownRole == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), answerTimeout)
	defer cancel()
	config, _, err := findCluster(f.kubeconfig, f.context)
	if err == nil {
		var client kubernetes.Interface
		if client, err = kubernetes.NewForConfig(config); err == nil {
			err = job.DeleteClusterRole(ctx, client, f.ownRole)
		}
	}
	if err != nil {
		printable.Fprintf(cmd.ErrOrStderr(), "%v\n", err) // the client deletes it too
	}
}
