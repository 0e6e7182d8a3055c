package command

import (
	"errors"
	"flag"
	"fmt"
	"strings"
)

// parseLeniently sets the flags in args that this version understands, whatever is wrong with the
// others: a webhook of another version may write more flags, or other values. It writes each flag
// as one argument, --name=value. It gives the arguments that were taken, what comes after the
// flags, and an error for each argument that was left out.
func parseLeniently(flags *flag.FlagSet, args []string) (taken, rest []string, left error) {
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		name, value, hasValue := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-"), "=")
		if arg == "--" {
			return taken, args, left
		}
		if arg == name || !strings.HasPrefix(arg, "-") || name == "" {
			return taken, append([]string{arg}, args...), left
		}
		known := flags.Lookup(name)
		switch {
		case known == nil && (name == "help" || name == "h"):
			return taken, nil, flag.ErrHelp
		case known == nil:
			left = errors.Join(left, fmt.Errorf("%s: this version has no flag --%s", arg, name))
			continue
		case !hasValue && isSwitch(known):
			value = "true"
		case !hasValue && len(args) == 0:
			left = errors.Join(left, fmt.Errorf("%s needs a value", arg))
			continue
		case !hasValue:
			value, args = args[0], args[1:]
		}
		before := known.Value.String()
		if err := flags.Set(name, value); err != nil {
			if before != "" { // a duration is zero after an error
				err = errors.Join(err, known.Value.Set(before))
			}
			left = errors.Join(left, fmt.Errorf("--%s=%s: %w", name, value, err))
			continue
		}
		taken = append(taken, "--"+name+"="+value)
	}
	return taken, nil, left
}

func isSwitch(f *flag.Flag) bool {
	is, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && is.IsBoolFlag()
}
