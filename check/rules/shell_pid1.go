package rules

import (
	"strings"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
	"github.com/lameduck-dev/lameduck/workload/shell"
)

var shellPID1 = &check.Rule{
	Name: "shell-pid1", Family: "signals",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "A shell is PID 1 and keeps SIGTERM to itself",
	Why: "SIGTERM goes to PID 1. A shell forwards it to nobody, and as PID 1 does not even die of it: the server never learns of " +
		"the stop, works on until the grace period is over, and SIGKILL takes what is in flight. dash (Debian, Ubuntu) always " +
		"stays; bash and busybox make way only for the last simple command.",
	Remedy: "Start the server with exec, or name it directly in command.",
	Source: "measured with dash 0.5.12, bash 5.2 and busybox 1.35; https://docs.docker.com/reference/dockerfile/#shell-form-entrypoint-example",
	Workload: func(p *check.Pass, w *workload.Workload) {
		if w.Finite() || w.Pod.Get("shareProcessNamespace").IsTrue() {
			return
		}
		for _, c := range w.Containers {
			argv, node, source := entry(p, c)
			program, text, ok := shell.Unwrap(argv)
			if !ok {
				continue
			}
			script := shell.Parse(text)
			server, stays, sure := shellStays(script, program, c)
			if !stays {
				continue
			}
			confidence := findings.Likely
			if sure {
				confidence = findings.Certain
			}
			d := p.Report(w.Object, node, "container %s runs %s under %s%s, which does not pass SIGTERM on", c.Name, server, program, source).
				As(findings.Warning, confidence).In(server, 0)
			if len(script.Commands) == 1 && node.Str() == text && script.Commands[0].Depth == 0 && strings.HasPrefix(strings.TrimLeft(text, " \n"), script.Commands[0].Args()[0]) {
				d.Fix(manifest.Prefix(node, "exec "))
			}
		}
	},
}

// entry is the command line of a container, from the manifest or from the
// image's facts, and the node to point at.
func entry(p *check.Pass, c *workload.Container) (argv []string, at *manifest.Node, source string) {
	if argv := c.Argv(); argv != nil {
		return argv, scriptNode(c, argv), ""
	}
	facts, known := p.Images.Of(c.Image)
	if !known {
		return nil, nil, ""
	}
	cmd := facts.Cmd
	if args := c.Node.Get("args"); args.Len() > 0 {
		cmd = args.Strings()
	}
	return append(append([]string{}, facts.Entrypoint...), cmd...), c.Node.Get("image"), " (by its image)"
}

// scriptNode is the element of command or args that holds the script.
func scriptNode(c *workload.Container, argv []string) *manifest.Node {
	_, text, ok := shell.Unwrap(argv)
	for _, list := range []*manifest.Node{c.Node.Get("command"), c.Node.Get("args")} {
		for item := range list.All() {
			if ok && item.Str() == text {
				return item
			}
		}
	}
	return c.Node.Get("command").Index(0)
}

// shellStays finds the server that a script ends with, and whether the shell
// stays above it. Sure means that every shell does.
func shellStays(s shell.Script, program string, c *workload.Container) (server string, stays, sure bool) {
	if !s.Complete || len(s.Commands) == 0 {
		return "", false, false
	}
	for _, command := range s.Commands {
		switch command.Name() {
		case "trap", "wait", "tini", "dumb-init", "lameduck-agent":
			return "", false, false // it knows about signals
		}
		if command.Exec {
			return "", false, false
		}
	}
	last := s.Commands[len(s.Commands)-1]
	server = last.Name()
	switch {
	case server == "" || strings.ContainsAny(server, "$`") && len(last.Args()) == 1:
		return "", false, false
	case idle[server]:
		return "", false, false // nothing that serves
	case last.Depth > 0 || last.Or || last.Background || last.Runs == shell.No:
		// A loop or a condition: what runs in it is not known.
		return "", false, false
	case last.Piped:
		return s.Commands[0].Name(), true, true
	}
	if program == "bash" || contains(c.Tag(), "alpine", "busybox") || contains(c.ImageName(), "alpine", "busybox") {
		return "", false, false // these make way for the last command
	}
	return server, true, false
}

// idle are commands that hold no request.
var idle = map[string]bool{"sleep": true, "tail": true, "echo": true, "true": true, "cat": true, "exit": true, "ls": true, "date": true, "printenv": true, "env": true}
