package workload

import (
	"math"
	"strings"

	"github.com/lameduck-dev/lameduck/workload/shell"

	"github.com/lameduck-dev/lameduck/manifest"
)

// Endless is the wait of a hook that never ends, in seconds: more than any
// grace period.
const Endless = math.MaxInt32

// Hook is a preStop or postStart hook. Exactly one of the actions is set in a
// valid manifest.
type Hook struct {
	Node                   *manifest.Node
	Exec, HTTP, TCP, Sleep *manifest.Node

	script shell.Script
}

func newHook(n *manifest.Node, env func(string) (string, bool)) *Hook {
	if !n.Set() {
		return nil
	}
	h := &Hook{Node: n, Exec: n.Get("exec"), HTTP: n.Get("httpGet"), TCP: n.Get("tcpSocket"), Sleep: n.Get("sleep")}
	h.script = shell.Read(h.Argv(), env)
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
func (h *Hook) Text() (string, *manifest.Node) {
	if h == nil {
		return "", nil
	}
	last := h.Exec.Get("command").Index(h.Exec.Get("command").Len() - 1)
	if last == nil {
		return "", h.Node
	}
	return last.Str(), last
}

// Time is how long the hook lasts. The kubelet bounds neither a request nor a command.
func (h *Hook) Time() shell.Span {
	switch {
	case h == nil || h.TCP != nil:
		return shell.Span{}
	case h.Sleep != nil:
		seconds, known := h.Sleep.Get("seconds").Int()
		return shell.Span{Min: float64(seconds), Max: float64(seconds), Open: !known}
	case h.HTTP != nil:
		return shell.Span{Open: true}
	}
	return h.script.Time
}

// Wait is how many seconds the hook waits for certain: [Endless] if it never ends. The node holds
// the time.
func (h *Hook) Wait() (seconds int64, at *manifest.Node) {
	if h == nil {
		return 0, nil
	}
	if h.Sleep != nil {
		return h.Sleep.Get("seconds").IntOr(0), h.Sleep.Get("seconds")
	}
	_, at = h.Text()
	return roundUp(h.Time().Min), at
}

// Most is how many seconds the hook may take, as far as its parts have bounds:
// [Endless] if it may never end.
func (h *Hook) Most() int64 { return roundUp(h.Time().Max) }

func roundUp(seconds float64) int64 { return int64(math.Ceil(min(seconds, Endless))) }

// Path is the path of an httpGet hook without its query.
func (h *Hook) Path() string {
	if h == nil {
		return ""
	}
	path, _, _ := strings.Cut(h.HTTP.Get("path").Str(), "?")
	return path
}
