// Package command is the command line of lameduck-registry.
package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/caches"
	"github.com/lameduck-dev/lameduck/registry/kinds"
)

// Exit codes.
const (
	ExitDone   = 0 // leave: its input was closed, or SIGTERM came; the others: done
	ExitFailed = 1 // restore, show: at least one registry failed
	ExitUsage  = 2 // nothing was done
)

const usage = `lameduck-registry takes a pod's instance out of service registries before the pod stops.

Usage:
  lameduck-registry show    [flags] SPEC   look the instance up, say what would be done, and write nothing
  lameduck-registry leave   [flags] SPEC   take it out and keep it out, until standard input is closed
  lameduck-registry restore [flags] SPEC   clear what a withdrawal left, so that the next one starts enabled
  lameduck-registry help KIND              what a SPEC of that kind can say
  lameduck-registry version

A SPEC is a kind and its settings. Begin with show, in the pod:

  lameduck-registry show nacos server=nacos:8848 service=orders

leave says each fact as one line of JSON: plan, record, withdrawn, out, back, absent, failed.
"out" means read back from every server node. "record" is the SPEC to give to restore once the
pod has gone.

Credentials are never part of a SPEC: it names the variables or files that hold them, as in
username-env=NACOS_USER password-file=/secret/password.

Flags:
  --registry SPEC   one registry more; repeat for more
  --ip IP           the pod's address (default: $POD_IP, or its interfaces'); repeat for more
  --port PORT       a port that the pod serves on, if it has several instances; repeat for more
  --budget TIME     leave, restore: when to say that it is given up (default 60s)

Exit codes: 0 done; 1 restore or show: a registry failed; 2 wrong usage, nothing was done.

Kinds:
`

// input is what all commands are given.
type input struct {
	texts  []string // of the specs
	pod    registry.Pod
	budget time.Duration
}

// Main runs one command and gives its exit code.
func Main(ctx context.Context, args []string, version string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		help(stderr)
		return ExitUsage
	}
	var run func(context.Context, *input, io.Reader, io.Writer, io.Writer) int
	switch args[0] {
	case "leave":
		run = leave
	case "restore":
		run = restore
	case "show":
		run = show
	case "version":
		fmt.Fprintln(stdout, "lameduck-registry", version)
		return ExitDone
	case "help", "-h", "-help", "--help":
		return helpOn(args[1:], stdout, stderr)
	default:
		fmt.Fprintf(stderr, "lameduck-registry: no command %q: it is leave, restore, show, help or version\n", args[0])
		return ExitUsage
	}
	in, err := parse(args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		help(stdout)
		return ExitDone
	case err != nil:
		fmt.Fprintf(stderr, "lameduck-registry %s: %v\n", args[0], err)
		return ExitUsage
	}
	return run(ctx, in, stdin, stdout, stderr)
}

func parse(args []string) (*input, error) {
	in := &input{budget: time.Minute}
	flags := flag.NewFlagSet("lameduck-registry", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Func("registry", "", func(text string) error { in.texts = append(in.texts, text); return nil })
	flags.Func("ip", "", func(text string) error {
		ip, err := netip.ParseAddr(text)
		if err != nil {
			return errors.New("write an address, as in 10.0.0.3")
		}
		in.pod.IPs = append(in.pod.IPs, ip)
		return nil
	})
	flags.Func("port", "", func(text string) error {
		port, err := strconv.ParseUint(text, 10, 16)
		if err != nil || port == 0 {
			return errors.New("write a port from 1 to 65535")
		}
		in.pod.Ports = append(in.pod.Ports, uint16(port))
		return nil
	})
	flags.Func("budget", "", func(text string) (err error) {
		if in.budget, err = time.ParseDuration(text); err != nil || in.budget <= 0 {
			return errors.New("write a time above 0, as in 60s")
		}
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return nil, fmt.Errorf("%w; lameduck-registry help lists the flags", err)
	}
	for _, arg := range flags.Args() {
		if strings.HasPrefix(arg, "-") {
			return nil, fmt.Errorf("%s comes after the registry: write flags before it", arg)
		}
	}
	in.texts = append(in.texts, specs(flags.Args())...)
	if len(in.texts) == 0 {
		return nil, errors.New("no registry is given; write one as in: nacos server=nacos:8848 service=orders")
	}
	in.pod.Host, _ = os.Hostname() // without one, the addresses decide
	if len(in.pod.IPs) == 0 {
		if ip, err := netip.ParseAddr(os.Getenv("POD_IP")); err == nil {
			in.pod.IPs = []netip.Addr{ip}
		}
	}
	if len(in.pod.IPs) == 0 {
		in.pod.IPs, _ = registry.OwnIPs() // a spec may hold its own; else it is not found, and says so
	}
	return in, nil
}

// specs joins arguments: each that is not key=value begins a spec.
func specs(args []string) []string {
	var texts []string
	for _, arg := range args {
		first, rest, _ := strings.Cut(arg, " ")
		if len(texts) == 0 || !strings.Contains(first, "=") {
			texts = append(texts, arg)
			continue
		}
		if key, value, _ := strings.Cut(arg, "="); rest != "" { // the shell has taken the quotes off
			arg = key + "=" + registry.Quote(value)
		}
		texts[len(texts)-1] += " " + arg
	}
	return texts
}

func help(to io.Writer) {
	fmt.Fprint(to, usage)
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	for _, kind := range kinds.All {
		fmt.Fprintf(table, "  %s\t%s\n", kind.Name, kind.About)
	}
	table.Flush() //nolint:errcheck // there is nobody else to tell
}

func helpOn(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		help(stdout)
		return ExitDone
	}
	kind, err := kinds.All.Lookup(args[0])
	if err != nil {
		fmt.Fprintf(stderr, "lameduck-registry help: %v\n", err)
		return ExitUsage
	}
	fmt.Fprintf(stdout, "%s\n\nA consumer may go on for %v after it is out, and is taken to have stopped after %v of silence.\n\nSettings, with what holds without them in brackets:\n", kind.About, kind.Caches.Most, caches.Quiet)
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	for _, key := range kind.Keys {
		fmt.Fprintf(table, "  %s=\t%s\n", key.Name, key.Help)
	}
	table.Flush() //nolint:errcheck // there is nobody else to tell
	return ExitDone
}
