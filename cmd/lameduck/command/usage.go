package command

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lameduck-dev/lameduck/workload/fields"
)

// nearFlag adds to an error of the command line the flag that was probably meant.
func nearFlag(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return err
	}
	written := unknown.GetSpecifiedName()
	if group := unknown.GetSpecifiedShortnames(); len(group) > 1 {
		written = group // -values was meant to be --values
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if near := fields.Near(written, names); near != "" && len(written) > 1 {
		return fmt.Errorf("%w: did you mean --%s?", err, near)
	}
	return err
}

// usage gives errors of the command line the exit code of check and its kin.
func usage(cmd *cobra.Command, err error) error { return &exitError{exitUsage, nearFlag(cmd, err)} }

// oneOf refuses a flag's value that is none of those there are.
func oneOf(flag, value string, values ...string) error {
	for _, each := range values {
		if value == each {
			return nil
		}
	}
	hint := ""
	if near := fields.Near(value, values); near != "" {
		hint = fmt.Sprintf(": did you mean %s?", near)
	}
	return fmt.Errorf("%s %q: must be %s%s", flag, value, either(values), hint)
}

// either lists what can be chosen from.
func either(values []string) string {
	text := values[0]
	for i, each := range values[1:] {
		if i == len(values)-2 {
			text += " or " + each
		} else {
			text += ", " + each
		}
	}
	return text
}

// idle refuses flags that would have no effect: who gives one expects something of it.
func idle(cmd *cobra.Command, why string, names ...string) error {
	for _, name := range names {
		if cmd.Flags().Changed(name) {
			return fmt.Errorf("--%s would have no effect: %s", name, why)
		}
	}
	return nil
}

// newHelp is cobra's own help command, but for what it makes of a command that does not exist: an
// error, as everywhere else.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Help about any command",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			switch {
			case err != nil:
				return err
			case len(rest) > 0:
				return fmt.Errorf("unknown command %q for %q", rest[0], about.CommandPath())
			}
			about.InitDefaultHelpFlag()
			about.InitDefaultVersionFlag()
			return about.Help()
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			var names []string
			if len(args) == 0 {
				for _, each := range cmd.Root().Commands() {
					if each.IsAvailableCommand() {
						names = append(names, each.Name()+"\t"+each.Short)
					}
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
}
