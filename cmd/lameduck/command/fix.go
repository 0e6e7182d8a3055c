package command

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/check/rules"
	"github.com/lameduck-dev/lameduck/workload"
	"github.com/lameduck-dev/lameduck/workload/printable"
)

const fixHelp = `Mends what check finds, where that can be done without knowing more than the manifest.

Prints a diff; --write changes the files. An edit replaces or adds a value at its place and
leaves every other byte of the file as it is. The result is parsed again and compared with what
was meant before anything is written, and a file is replaced as a whole or not at all.

Fixes that lose nothing in any case are made. Those that change what the manifest means, such as
another maxUnavailable or a new PodDisruptionBudget, are made for the rules named by --allow.

What a chart or a kustomization renders is not edited: for a chart the values to change are named,
found by rendering it with them.

Exit codes:
  0  done; with nothing to mend too
  1  a fix could not be made; the others were
  2  some input could not be read; the rest was mended
  3  wrong usage`

type fixFlags struct {
	write bool
	allow []string
}

func (x *fixFlags) add(f *pflag.FlagSet) {
	f.BoolVar(&x.write, "write", false, "change the files instead of printing a diff")
	f.StringSliceVar(&x.allow, "allow", nil, "rules whose fix changes meaning and is wanted, comma-separated")
}

func newFix() *cobra.Command {
	var input inputFlags
	var flags fixFlags
	cmd := &cobra.Command{
		Use:     "fix [FILE|FOLDER|-]...",
		Short:   "Mend what check finds",
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
			options.NameValue = renderer.NameValue
			return flags.mend(cmd, in, options)
		},
	}
	cmd.SetFlagErrorFunc(usage)
	input.add(cmd.Flags())
	flags.add(cmd.Flags())
	return cmd
}

func (x *fixFlags) mend(cmd *cobra.Command, in *workload.Input, o check.Options) error {
	for _, name := range x.allow {
		if rules.Find(name) == nil {
			return &exitError{exitUsage, fmt.Errorf("--allow: no rule is called %q; `lameduck rules` lists them", name)}
		}
	}
	changes, failed, err := check.Fix(cmd.Context(), in, check.FixOptions{Options: o, Allow: x.allow})
	if err != nil {
		return err
	}
	out, log := dataOut(cmd), cmd.ErrOrStderr()
	mended := 0
	for _, c := range changes {
		mended += len(c.Mended)
		if err := x.deliver(out, c); err != nil {
			return err
		}
		for _, f := range c.Mended {
			printable.Fprintf(log, "%s:%d: mended %s: %s\n", f.File, f.Line, f.Rule, f.Message)
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
	fmt.Fprintf(log, "findings mended: %d; files %s: %d\n", mended, what, len(changes))
	switch {
	case len(in.Problems) > 0:
		return &exitError{code: exitUnreadable}
	case len(failed) > 0:
		return &exitError{code: exitFound}
	}
	return nil
}

// namedValues tells what to change by hand for what was found in rendered
// text, which is on no disk.
func namedValues(cmd *cobra.Command, in *workload.Input, o check.Options) error {
	rendered := &workload.Input{}
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

// deliver writes a changed file, or its diff. What came from standard input
// goes to standard output as a whole with --write.
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
