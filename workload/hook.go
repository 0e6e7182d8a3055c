package workload

import (
	"math"
	"strings"

	"github.com/lameduck-dev/lameduck/workload/shell"
)

// Hook is a preStop or postStart hook. Exactly one of the actions is set in a
// valid manifest.
type Hook struct {
	Node                   *Node
	Exec, HTTP, TCP, Sleep *Node

	script shell.Script
}

func newHook(n *Node) *Hook {
	if !n.Set() {
		return nil
	}
	h := &Hook{Node: n, Exec: n.Get("exec"), HTTP: n.Get("httpGet"), TCP: n.Get("tcpSocket"), Sleep: n.Get("sleep")}
	argv := h.Argv()
	if _, text, ok := shell.Unwrap(argv); ok {
		h.script = shell.Parse(text)
	} else if len(argv) > 0 {
		h.script = shell.Script{Commands: []shell.Command{{Words: argv}}, Complete: true}
	}
	return h
}

// Argv is the command of an exec hook.
func (h *Hook) Argv() []string {
	if h == nil {
		return nil
	}
	return h.Exec.Get("command").Strings()
}

// Script is what an exec hook runs: its shell script, or its one command.
func (h *Hook) Script() shell.Script {
	if h == nil {
		return shell.Script{}
	}
	return h.script
}

// Text is the text of the script or the last word of the command, and the
// node that holds it: where a finding about the hook's content points.
func (h *Hook) Text() (string, *Node) {
	if h == nil {
		return "", nil
	}
	last := h.Exec.Get("command").Index(h.Exec.Get("command").Len() - 1)
	if last == nil {
		return "", h.Node
	}
	return last.Str(), last
}

// Wait is how many seconds the hook waits for certain; unconditional sleeps
// count, anything else takes no time. The node is where the time stands.
func (h *Hook) Wait() (seconds int64, at *Node) {
	if h == nil {
		return 0, nil
	}
	if h.Sleep != nil {
		return h.Sleep.Get("seconds").IntOr(0), h.Sleep.Get("seconds")
	}
	total, _ := h.Script().Sleeps()
	_, at = h.Text()
	return int64(math.Ceil(total)), at
}

// Path is the path of an httpGet hook without its query.
func (h *Hook) Path() string {
	if h == nil {
		return ""
	}
	path, _, _ := strings.Cut(h.HTTP.Get("path").Str(), "?")
	return path
}
