package command

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/check/rules"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
)

const checkHelp = `Finds what in manifests will lose requests at a rollout, a drain, an eviction or a stop.

Reads files, folders (*.yaml, *.yml and *.json at any depth) and standard input (-). Everything
named is read as one cluster: Services are joined with the pods that they select, and so are
budgets, autoscalers and ConfigMaps. Name together what belongs together.

A folder with a Chart.yaml is rendered as helm template does (--values adds values files), one
with a kustomization.yaml as kustomize build does. Nothing is fetched, nothing is run, and nothing
outside the named folder (or the working folder that holds it) is read. Findings in rendered text
name the template or the base's file, and the line where it can be told.

Each finding names file, line and column, and says why requests are lost and what to do; lameduck
explain RULE says more. lameduck fix, or --fix here, fixes what can be fixed.

--live reads a cluster instead (no Secrets), and also names running pods that should have been
injected and were not.

To suppress a finding, put an annotation with the reason on the object or its pod template,
lameduck.dev/ignore.RULE: "why", or name it in .lameduck.yaml (see --config). --baseline leaves
out the findings that were there before.

Exit codes:
  0  nothing found at or above --fail-on
  1  findings at or above --fail-on
  2  some input could not be read, and the rest was checked; or nothing that was named holds a
     Kubernetes object (--allow-empty makes that 0)
  3  wrong usage`

// The exit codes of check and fix.
const (
	exitFound      = 1
	exitUnreadable = 2
	exitUsage      = 3
)

type checkFlags struct {
	input         inputFlags
	live          liveFlags
	mending       fixFlags
	outputs       []string
	failOn        string
	baseline      string
	writeBaseline string
	fix           bool
}

func newCheck() *cobra.Command {
	var flags checkFlags
	cmd := &cobra.Command{
		Use:   "check [FILE|FOLDER|-]...",
		Short: "Find what will lose requests in manifests",
		Long:  checkHelp,
		Example: "  lameduck check deploy/\n  kubectl get deploy,svc,pdb,hpa -o yaml | lameduck check -\n" +
			"  lameduck check -o text -o sarif=lameduck.sarif --fail-on error deploy/",
		RunE: func(cmd *cobra.Command, args []string) error { return runCheck(cmd, args, flags) },
	}
	cmd.SetFlagErrorFunc(usage)
	f := cmd.Flags()
	flags.input.add(f)
	f.StringArrayVarP(&flags.outputs, "output", "o", []string{"text"}, "FORMAT or FORMAT=FILE, repeatable: "+strings.Join(findings.Formats, ", "))
	f.StringVar(&flags.failOn, "fail-on", "", "lowest severity that makes the exit code 1: info, warning, error, never (default warning)")
	f.StringVar(&flags.baseline, "baseline", "", "leave out the findings listed in this file")
	f.StringVar(&flags.writeBaseline, "write-baseline", "", "write the findings to this file, for use with --baseline")
	f.BoolVar(&flags.live.live, "live", false, "check the objects of a running cluster instead of files")
	f.StringVar(&flags.live.kubeconfig, "kubeconfig", "", "kubeconfig of the cluster, with --live")
	f.StringVar(&flags.live.context, "context", "", "context of the kubeconfig, with --live")
	f.StringVarP(&flags.live.namespace, "namespace", "n", "", "one namespace only, with --live (default all)")
	f.BoolVar(&flags.fix, "fix", false, "fix what can be fixed, as lameduck fix does")
	flags.mending.add(f)
	return cmd
}

func runCheck(cmd *cobra.Command, args []string, flags checkFlags) error {
	if err := flags.silent(cmd); err != nil {
		return &exitError{exitUsage, err}
	}
	options, err := flags.input.options(cmd.Context())
	if err != nil {
		return &exitError{exitUsage, err}
	}
	failOn, err := threshold(flags.failOn, options.Config)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	if flags.baseline != "" {
		text, err := readNamed(flags.baseline)
		if err == nil {
			options.Baseline, err = check.ParseBaseline(text)
		}
		if err != nil {
			return &exitError{exitUsage, err}
		}
	}
	outputs, err := openOutputs(cmd.OutOrStdout(), flags.outputs)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	in, err := flags.load(cmd, args, &options)
	if err != nil {
		return err
	}
	nothing := flags.empty(cmd, in, args)
	if flags.fix {
		return cmp.Or(nothing, flags.mending.run(cmd, in, options))
	}
	progress := startProgress(cmd.ErrOrStderr())
	progress.say("checking %d files against the rules", len(in.Files))
	result, err := check.Run(cmd.Context(), in, options)
	progress.stop()
	if err != nil {
		return err
	}
	if flags.writeBaseline != "" {
		text, err := check.WriteBaseline(result.Findings)
		if err != nil {
			return err
		}
		if err := replaceFile(flags.writeBaseline, string(text)); err != nil {
			return err
		}
	}
	if err := outputs.write(result); err != nil {
		return err
	}
	switch {
	case nothing != nil:
		return nothing
	case len(result.Unreadable) > 0:
		return &exitError{code: exitUnreadable}
	case failOn >= 0 && slices.ContainsFunc(result.Findings, func(f findings.Finding) bool { return int(f.Severity) >= failOn }):
		return &exitError{code: exitFound}
	}
	return nil
}

// empty tells of what holds no object.
func (c *checkFlags) empty(cmd *cobra.Command, in *manifest.Input, names []string) error {
	if !c.live.live {
		return c.input.nothing(cmd, in, names)
	}
	if len(in.Files) > 0 || len(in.Problems) > 0 || c.input.empty.allowed {
		return nil
	}
	return &exitError{exitUnreadable, fmt.Errorf("the cluster has no object in namespace %s: name another by --namespace", c.live.namespace)}
}

// silent refuses flags that would have no effect.
func (c *checkFlags) silent(cmd *cobra.Command) error {
	var errs []error
	if c.live.live {
		errs = append(errs, idle(cmd, "--live renders no chart", "values"))
	} else {
		errs = append(errs, idle(cmd, "it says what --live reads", "kubeconfig", "context", "namespace"))
	}
	if c.fix {
		errs = append(errs, idle(cmd, "--fix reports as lameduck fix does", "output", "fail-on", "write-baseline"))
	} else {
		errs = append(errs, idle(cmd, "it says what --fix does", "write", "allow"))
	}
	return errors.Join(errs...)
}

// load reads the named files, or the cluster, and completes the options with what it learns.
func (c *checkFlags) load(cmd *cobra.Command, args []string, o *check.Options) (*manifest.Input, error) {
	if !c.live.live {
		in, renderer, err := c.input.load(cmd, args)
		if err == nil {
			o.NameValue = renderer.NameValue
		}
		return in, err
	}
	if len(args) > 0 || c.fix {
		return nil, &exitError{exitUsage, fmt.Errorf("--live reads a cluster: it takes neither files nor --fix")}
	}
	in, version, err := c.live.load(cmd)
	if err != nil {
		return nil, &exitError{exitUnreadable, err}
	}
	if o.Target == 0 {
		o.Target = version
	}
	return in, nil
}

// threshold is the lowest severity that fails the check; -1 for never.
func threshold(flag string, config *check.Config) (int, error) {
	name := flag
	if name == "" && config != nil {
		name = config.FailOn
	}
	switch name {
	case "":
		return int(findings.Warning), nil
	case "never":
		return -1, nil
	}
	var s findings.Severity
	if s.UnmarshalText([]byte(name)) != nil {
		return 0, oneOf("--fail-on", name, "info", "warning", "error", "never")
	}
	return int(s), nil
}

// outputs are the formats to write and where to.
type outputs []output

type output struct {
	format, path string
	out          io.Writer
}

func openOutputs(stdout io.Writer, wanted []string) (outputs, error) {
	var all outputs
	toStdout := ""
	for _, each := range wanted {
		format, path, _ := strings.Cut(each, "=")
		if err := oneOf("--output", format, findings.Formats...); err != nil {
			return nil, err
		}
		if path == "" && toStdout != "" {
			return nil, fmt.Errorf("--output: both %s and %s go to standard output; write one to a file, as in %s=FILE", toStdout, format, format)
		}
		if path == "" {
			toStdout = format
		}
		all = append(all, output{format, path, stdout})
	}
	return all, nil
}

func (all outputs) write(r *findings.Result) error {
	for _, o := range all {
		if o.path == "" {
			out := o.out
			if o.format != "text" {
				out = raw(out) // these formats escape text themselves, and github writes commands
			}
			if err := findings.Write(out, o.format, r, colourful(o.out)); err != nil {
				return err
			}
			continue
		}
		var b strings.Builder
		if err := findings.Write(&b, o.format, r, false); err != nil {
			return err
		}
		if err := replaceFile(o.path, b.String()); err != nil {
			return err
		}
	}
	return nil
}

func newExplain() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "explain RULE",
		Short: "Explain why a rule of check matters and what to do",
		Long: `Explains why a rule of check matters, what to do, and where that can be read.

Exit codes:
  0  explained
  3  wrong usage, as of check`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &exitError{exitUsage, errors.New("explain: name one rule; `lameduck rules` lists them")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			rule, err := check.FindRule(rules.All(), args[0])
			if err != nil {
				return &exitError{exitUsage, err}
			}
			_, err = io.WriteString(cmd.OutOrStdout(), rule.Explain())
			return err
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var names []string
			for _, r := range rules.All() {
				names = append(names, r.Name+"\t"+r.Title)
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
	cmd.SetFlagErrorFunc(usage)
	return cmd
}

func newRules() *cobra.Command {
	return &cobra.Command{
		Use:   "rules",
		Short: "List the rules of check",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := io.WriteString(cmd.OutOrStdout(), rules.Table())
			return err
		},
	}
}
