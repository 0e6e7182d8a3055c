package rules

import (
	"strings"
	"time"

	"github.com/lameduck-dev/lameduck/inject"
	"github.com/lameduck-dev/lameduck/workload"
	"github.com/lameduck-dev/lameduck/workload/shell"
)

// delayAnnotation says for how many seconds after SIGTERM the application itself keeps accepting
// requests.
const delayAnnotation = inject.DelayAnnotation

// waitsByItself reports whether a container is known to keep accepting for a while after SIGTERM,
// so that it needs no hook. A delay of zero does not count; one whose value is not shown may be
// anything.
func waitsByItself(c *workload.Container) bool {
	if n := c.Pod.PodAnnotation(delayAnnotation); n != nil {
		return !isZero(n.Str())
	}
	t := servers()
	args := c.Args()
	for i, arg := range args {
		words := strings.Fields(arg)
		for j, word := range words {
			name, value, inline := strings.Cut(word, "=")
			if !t.delayFlag.MatchString(name) {
				continue
			}
			if !inline && j+1 < len(words) {
				value = words[j+1]
			} else if !inline && i+1 < len(args) {
				value = args[i+1]
			}
			if !isZero(value) {
				return true
			}
		}
	}
	for e := range c.Node.Get("env").All() {
		if t.delayFlag.MatchString(e.Get("name").Str()) && !isZero(e.Get("value").Str()) {
			return true
		}
	}
	for _, image := range t.Delays.Images {
		if strings.HasSuffix(c.ImageRepo(), image) {
			return true
		}
	}
	if c.Node.Get("volumeMounts") == nil {
		return false
	}
	for _, file := range c.Files() {
		if m := t.delayFile.FindStringSubmatch(file.Value); m != nil && !isZero(m[1]) {
			return true
		}
	}
	return false
}

// isZero reports whether a duration is written out and zero.
func isZero(value string) bool {
	d, ok := duration(value, time.Second)
	return ok && d == 0
}

// accepting is for how long a container goes on accepting after its pod was
// deleted: until SIGTERM, or until its hook stops it.
func accepting(c *workload.Container) shell.Span {
	t := c.PreStop.Time()
	command, _, ok := stopCommand(c)
	if !ok {
		return t
	}
	if command.Runs == shell.Yes {
		return command.After
	}
	t.Min = min(t.Min, command.After.Min)
	return t
}
