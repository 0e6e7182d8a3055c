package command

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lameduck-dev/lameduck/agent/seal"
	"github.com/lameduck-dev/lameduck/check/render"
	"github.com/lameduck-dev/lameduck/check/rules"
	"github.com/lameduck-dev/lameduck/deploy"
	"github.com/lameduck-dev/lameduck/inject"
	"github.com/lameduck-dev/lameduck/inject/files"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/workload"
	"github.com/lameduck-dev/lameduck/workload/printable"
)

const injectHelp = `Reads manifests and writes them to standard output with the agent injected into the pods
that are opted in: what the webhook does to a pod, done to files.

A pod is opted in by the label lameduck.dev/inject: "true" on itself or on its Namespace, or
by a DrainPolicy that selects it, if the Namespace or DrainPolicy is in the same input. --all
opts in every pod that does not opt out.

Without --hub-key the agent does not ask the hub, and goes by what it sees in the pod alone.
lameduck install prints the key and keeps it in the cluster:

  --hub-key "$(kubectl -n lameduck-system get configmap lameduck-hub -o jsonpath='{.data.publicKey}')"

Only what is changed is written anew: comments, order, quotes, anchors and line ends stay, and
JSON stays JSON. An alias (*name) is written out where it no longer says what it repeats. The
result is parsed again, and compared with what was intended, before anything is written.
What was done is told on standard error. Injecting twice changes nothing more.

In a CI job, a line that its runner would take for a command (::error::, ##vso[) is refused, unless
standard output is a file or --raw says that a program reads it.

Exit codes:
  0  written, whether anything was changed or not
  1  the input can't be used: one line for each bad document, nothing written
  2  wrong usage, or nothing that was named holds a Kubernetes object (--allow-empty makes that
     0); nothing written`

type injectFlags struct {
	files     []string
	namespace string
	all       bool
	quiet     bool
	empty     emptiness
	settings  inject.Settings
	pull      string
}

func newInject(build Build) *cobra.Command {
	var flags injectFlags
	cmd := &cobra.Command{
		Use:   "inject FILE|FOLDER|-...",
		Short: "Inject the agent into manifests",
		Long:  injectHelp,
		Example: "  lameduck inject --agent-image registry.example/lameduck-agent:v1 -f app.yaml | kubectl apply -f -\n" +
			"  kubectl get deployment web -o yaml | lameduck inject --all -f -",
		RunE: func(cmd *cobra.Command, args []string) error {
			flags.files = append(flags.files, args...)
			if len(flags.files) == 0 {
				return &exitError{2, errors.New("nothing to read: name files or folders, or - for standard input (lameduck inject --help)")}
			}
			return runInject(cmd, flags)
		},
	}
	f := cmd.Flags()
	f.StringArrayVarP(&flags.files, "filename", "f", nil, "the same as an argument, as kubectl has it; can be repeated")
	f.StringVarP(&flags.namespace, "namespace", "n", "default", "namespace of objects that name none")
	f.BoolVar(&flags.all, "all", false, "opt in every pod that does not opt out")
	flags.empty.add(f)
	addRaw(f)
	f.BoolVarP(&flags.quiet, "quiet", "q", false, "print warnings and errors only")
	f.StringVar(&flags.settings.AgentImage, "agent-image", build.agentImage(), "image that holds the agent")
	f.StringVar(&flags.pull, "pull-policy", "", "imagePullPolicy of the agent's image (default: the cluster's)")
	f.StringArrayVar(&flags.settings.HubAddresses, "hub", []string{deploy.HubAddress(deploy.Namespace)}, "host:port of the hub; can be repeated, asked in order")
	f.StringVar(&flags.settings.HubKey, "hub-key", "", "the hub's public key (default: no hub, local evidence only)")
	return cmd
}

func runInject(cmd *cobra.Command, flags injectFlags) error {
	pull, err := pullPolicy(flags.pull)
	if err != nil {
		return err
	}
	flags.settings.PullPolicy = pull
	err = checkHub(cmd, flags.settings)
	if err == nil && flags.settings.HubKey == "" {
		err = idle(cmd, "without --hub-key no agent asks a hub", "hub")
	}
	if err != nil {
		return &exitError{2, err}
	}
	texts, reports, err := flags.inject(cmd)
	switch coded := (*exitError)(nil); {
	case errors.As(err, &coded):
		return err
	case err != nil:
		return &exitError{1, err}
	}
	if _, err := io.WriteString(dataOut(cmd), joined(texts)); err != nil {
		return &exitError{1, fmt.Errorf("writing the manifests: %w", err)}
	}
	for _, report := range reports {
		if !flags.quiet || len(report.Warnings) > 0 {
			lines := report.Lines()
			printable.Fprintf(cmd.ErrOrStderr(), "%s:%d %s\n", report.Path, report.Line, lines[0])
			for _, line := range lines[1:] {
				printable.Fprintf(cmd.ErrOrStderr(), "  %s\n", line)
			}
		}
	}
	injected := slices.ContainsFunc(reports, func(r files.Report) bool { return r.OptedIn && len(r.Changes) > 0 })
	if injected && !flags.quiet && strings.HasPrefix(flags.settings.AgentImage, LocalImages+"/") {
		printable.Fprintf(cmd.ErrOrStderr(), "no --agent-image: %s is in no registry unless you pushed it there; new pods would wait in Init:ImagePullBackOff\n", flags.settings.AgentImage)
	}
	if flags.settings.HubKey == "" && !flags.quiet {
		fmt.Fprintln(cmd.ErrOrStderr(), "no --hub-key: the agents will not ask the hub, and go by local evidence only")
	}
	return nil
}

// inject reads the input and injects into it, and reports its progress once that takes over 2 s.
func (flags *injectFlags) inject(cmd *cobra.Command) ([]string, []files.Report, error) {
	progress := startProgress(cmd.ErrOrStderr())
	defer progress.stop()
	sayStdin(progress, flags.files)
	loader := manifest.Loader{Stdin: cmd.InOrStdin(), Render: unrendered(flags.files)}
	in, err := loader.Load(cmd.Context(), flags.files...)
	if err != nil {
		return nil, nil, err
	}
	if len(in.Problems) > 0 {
		var errs []error
		for _, p := range in.Problems {
			errs = append(errs, p)
		}
		return nil, nil, errors.Join(errs...)
	}
	if err := flags.empty.tellNames(cmd.ErrOrStderr(), in, flags.files); err != nil {
		return nil, nil, &exitError{2, err}
	}
	return files.Inject(in.Files, files.Options{
		Settings: flags.settings, Namespace: flags.namespace, All: flags.all, Warn: unwithdrawn(in.Files),
		Progress: func(done, total int) { progress.say("injecting: %d of %d documents", done, total) },
	})
}

// unrendered refuses folders that are no manifests yet: injection writes files back, and these are
// only made of files.
func unrendered(names []string) func(string) ([]*manifest.File, []manifest.Problem, bool) {
	var renderer render.Renderer
	renderer.Scan(names)
	return func(dir string) ([]*manifest.File, []manifest.Problem, bool) {
		command, part := renderer.Command(dir)
		if command == "" {
			return nil, nil, part
		}
		what := "a kustomization"
		if strings.HasPrefix(command, "helm") {
			what = "a Helm chart"
		}
		return nil, []manifest.Problem{{Path: dir, Text: "is " + what + ": " + command + " | lameduck inject -f -"}}, true
	}
}

// checkHub refuses what no agent could reach a hub by.
func checkHub(cmd *cobra.Command, settings inject.Settings) error {
	if cmd.Flags().Changed("hub-key") {
		if _, err := seal.ParsePublic(settings.HubKey); err != nil {
			return fmt.Errorf("--hub-key %q: %w; it is publicKey of ConfigMap lameduck-hub", settings.HubKey, err)
		}
	}
	for _, address := range settings.HubAddresses {
		if host, port, err := net.SplitHostPort(address); err != nil || host == "" || port == "" {
			return fmt.Errorf("--hub %q: write HOST:PORT, such as %s", address, deploy.HubAddress(deploy.Namespace))
		}
	}
	return nil
}

// unwithdrawn names what registers itself in a registry that the agent will not be told of.
func unwithdrawn(files []*manifest.File) func(*manifest.Object) []string {
	messages := map[*manifest.Object][]string{}
	for _, w := range workload.Join(files).Workloads {
		messages[w.Object] = rules.Unwithdrawn(w)
	}
	return func(o *manifest.Object) []string { return messages[o] }
}

// joined puts a document marker between files that have none there.
func joined(texts []string) string {
	var b strings.Builder
	for i, text := range texts {
		if i > 0 && !strings.HasPrefix(text, "---") {
			if !strings.HasSuffix(b.String(), "\n") {
				b.WriteByte('\n')
			}
			b.WriteString("---\n")
		}
		b.WriteString(text)
	}
	return b.String()
}
