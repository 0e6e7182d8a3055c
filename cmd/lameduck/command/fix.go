package command

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/check/rules"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload/printable"
)

const fixHelp = `Fixes what check finds, where the manifest alone says how.

Prints a diff; --write changes the files. An edit replaces or adds one value and leaves every
other byte of the file as it is. The result is parsed again and compared with what was intended
before anything is written, and a file is replaced as a whole or not at all.

In a CI job, what its runner would take for a command is shown with a dot in the diff, unless
standard output is a file or --raw says that a program reads it.

Fixes that are safe in any case are made. Fixes that change what the manifest means, such as
another maxUnavailable or a new PodDisruptionBudget, are made only for the rules named by --allow.

Rendered text of a chart or a kustomization is not edited. For a chart, the values to change are
named; they were found by rendering the chart with them.

Exit codes:
  0  done, or nothing to fix
  1  a fix could not be made; the others were
  2  some input could not be read, and the rest was fixed; or nothing that was named holds a
     Kubernetes object (--allow-empty makes that 0)
  3  wrong usage`

type fixFlags struct {
	write bool
	allow []string
}

func (x *fixFlags) add(f *pflag.FlagSet) {
	f.BoolVar(&x.write, "write", false, "change the files instead of printing a diff")
	addRaw(f)
	f.StringSliceVar(&x.allow, "allow", nil, "rules whose fixes may change what the manifest means, comma-separated")
}

func newFix() *cobra.Command {
	var input inputFlags
	var flags fixFlags
	cmd := &cobra.Command{
		Use:     "fix [FILE|FOLDER|-]...",
		Short:   "Fix what check finds",
		Long:    fixHelp,
		Example: "  lameduck fix deploy/\n  lameduck fix --write --allow pdb-missing,pdb-blocking deploy/",
		RunE: func(cmd *cobra.Command, args []string) error {
			options, err := input.options(cmd.Context())
			if err != nil {
				return &exitError{exitUsage, err}
			}
			in, renderer, err := input.load(cmd, args)
			if err != nil {
				return err
			}
			if err := input.nothing(cmd, in, args); err != nil {
				return err
			}
			options.NameValue = renderer.NameValue
			return flags.run(cmd, in, options)
		},
	}
	cmd.SetFlagErrorFunc(usage)
	input.add(cmd.Flags())
	flags.add(cmd.Flags())
	return cmd
}

func (x *fixFlags) run(cmd *cobra.Command, in *manifest.Input, o check.Options) error {
	for _, name := range x.allow {
		if _, err := check.FindRule(rules.All(), name); err != nil {
			return &exitError{exitUsage, fmt.Errorf("--allow: %w", err)}
		}
	}
	changes, failed, err := check.Fix(cmd.Context(), in, check.FixOptions{Options: o, Allow: x.allow})
	if err != nil {
		return err
	}
	out, log := diffOut(cmd), cmd.ErrOrStderr()
	fixed, did := 0, "would fix"
	if x.write {
		out, did = dataOut(cmd), "fixed"
	}
	for _, c := range changes {
		fixed += len(c.Fixed)
		if err := x.deliver(out, c); err != nil {
			return err
		}
		for _, f := range c.Fixed {
			printable.Fprintf(log, "%s:%d: %s %s: %s\n", f.File, f.Line, did, f.Rule, f.Message)
		}
	}
	if err := namedValues(cmd, in, o); err != nil {
		return err
	}
	for _, err := range failed {
		printError(log, err)
	}
	for _, p := range in.Problems {
		printable.Fprintf(log, "lameduck: cannot read %v\n", p)
	}
	what := "to change (--write changes them)"
	if x.write {
		what = "changed"
	}
	fmt.Fprintf(log, "findings fixed: %d; files %s: %d\n", fixed, what, len(changes))
	if err := x.left(cmd, in, changes, o); err != nil {
		return err
	}
	switch {
	case len(in.Problems) > 0:
		return &exitError{code: exitUnreadable}
	case len(failed) > 0:
		return &exitError{code: exitFound}
	}
	return nil
}

// left says what the fixes leave, and what becomes of it; and which rules were allowed in vain.
func (x *fixFlags) left(cmd *cobra.Command, in *manifest.Input, changes []check.Change, o check.Options) error {
	after, vain := &manifest.Input{Files: slices.Clone(in.Files)}, slices.Clone(x.allow)
	for _, c := range changes {
		i := slices.IndexFunc(in.Files, func(f *manifest.File) bool { return f.Path == c.Path && f.Src == c.Before })
		if i >= 0 {
			after.Files[i], _ = manifest.Parse(c.Path, c.After)
		}
		for _, f := range c.Fixed {
			vain = slices.DeleteFunc(vain, func(name string) bool { return name == f.Rule })
		}
	}
	o.NameValue = nil
	result, err := check.Run(cmd.Context(), after, o)
	if err != nil {
		return err
	}
	var allow, hand []string
	for _, f := range result.Findings {
		switch {
		case f.Fix == findings.FixAllow && !slices.Contains(x.allow, f.Rule):
			allow = appendNew(allow, f.Rule)
		default:
			hand = appendNew(hand, f.Rule)
		}
	}
	log := cmd.ErrOrStderr()
	for _, name := range vain {
		why := "found nothing to fix"
		if slices.Contains(hand, name) {
			why = "offers no fix for what it found: change it by hand"
		}
		printable.Fprintf(log, "--allow %s: the rule %s\n", name, why)
	}
	var parts []string
	if len(allow) > 0 {
		parts = append(parts, strings.Join(allow, ", ")+" (add --allow "+strings.Join(slices.Concat(x.allow, allow), ",")+")")
	}
	if len(hand) > 0 {
		parts = append(parts, strings.Join(hand, ", ")+" (by hand)")
	}
	if len(parts) > 0 {
		printable.Fprintf(log, "left: %s\n", strings.Join(parts, ", "))
	}
	return nil
}

func appendNew(all []string, one string) []string {
	if slices.Contains(all, one) {
		return all
	}
	return append(all, one)
}

// namedValues says which values to change by hand for findings in rendered text, which is on no
// disk.
func namedValues(cmd *cobra.Command, in *manifest.Input, o check.Options) error {
	rendered := &manifest.Input{}
	for _, f := range in.Files {
		if f.Rendered {
			rendered.Files = append(rendered.Files, f)
		}
	}
	if len(rendered.Files) == 0 {
		return nil
	}
	result, err := check.Run(cmd.Context(), rendered, o)
	if err != nil {
		return err
	}
	for _, f := range result.Findings {
		printable.Fprintf(cmd.ErrOrStderr(), "%s: %s: %s. %s\n", f.File, f.Rule, f.Message, f.Remedy)
	}
	return nil
}

// deliver writes a changed file, or its diff. With --write, what came from standard input goes to
// standard output as a whole.
func (x *fixFlags) deliver(out io.Writer, c check.Change) error {
	switch {
	case !x.write:
		_, err := io.WriteString(out, check.Diff(c))
		return err
	case c.Path == "-":
		_, err := io.WriteString(out, c.After)
		return err
	}
	return replaceFile(c.Path, c.After)
}
