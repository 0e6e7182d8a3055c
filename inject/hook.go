package inject

import (
	"fmt"
	"net"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/lameduck-dev/lameduck/graceful/termination"
	"github.com/lameduck-dev/lameduck/workload/shell"
)

// ownHook is what a container's own preStop becomes.
type ownHook struct {
	args    []string      // flags of the agent's prestop; none if nothing is left to run
	minWait time.Duration // it was only a sleep: the least wait of this container
	takes   time.Duration // sleeps inside it, for which the budget needs room
	note    string        // for the status
	leave   string        // why the container must be left as it is; empty if it need not
}

// keepHook decides what becomes of a container's own preStop hook.
//
// A plain sleep waits for what the agent waits for, so it becomes the least wait, as far as the grace
// period has let it. A command
// or a request is run by the agent in its place. What the kubelet can't run either (tcpSocket,
// a port name that no container has) is dropped; what only the kubelet can run (HTTPS) stays.
func keepHook(hook *corev1.LifecycleHandler, c *corev1.Container, atAnnounce bool, grace time.Duration) ownHook {
	switch {
	case hook == nil:
		return ownHook{}
	case hook.Sleep != nil:
		return sleeps(period(hook.Sleep.Seconds), grace)
	case hook.Exec != nil:
		return keepExec(hook.Exec.Command, atAnnounce, grace)
	case hook.HTTPGet != nil:
		return keepHTTP(hook.HTTPGet, c, atAnnounce)
	case hook.TCPSocket != nil:
		return ownHook{note: "its tcpSocket hook is replaced: the kubelet always fails it"}
	}
	return ownHook{}
}

func sleeps(wait, grace time.Duration) ownHook {
	if wait > grace {
		return ownHook{minWait: grace, note: fmt.Sprintf("its sleep of %v never ended: the %v that the grace period gave it are the least wait; remove it to stop as soon as it is proved safe", wait, grace)}
	}
	return ownHook{minWait: wait, note: fmt.Sprintf("its sleep of %v is the least wait: remove it to stop as soon as it is proved safe", wait)}
}

func keepExec(command []string, atAnnounce bool, grace time.Duration) ownHook {
	if len(command) == 0 {
		return ownHook{note: "its exec hook is dropped: it has no command, and always failed"}
	}
	if runsAgent(command) {
		return ownHook{leave: "its own hook runs the agent already"}
	}
	if wait, only := onlySleep(command); only {
		return sleeps(wait, grace)
	}
	if atAnnounce {
		return ownHook{args: append([]string{"--at-announce-exec", "--"}, command...), note: "its own command runs at announce"}
	}
	return ownHook{
		args:  append([]string{"--then-exec", "--"}, command...),
		takes: min(sleepsIn(command), grace),
		note:  "its own command runs after drain",
	}
}

func keepHTTP(get *corev1.HTTPGetAction, c *corev1.Container, atAnnounce bool) ownHook {
	if strings.EqualFold(string(get.Scheme), string(corev1.URISchemeHTTPS)) {
		return ownHook{leave: "its own hook uses HTTPS, which the agent does not speak: run a command instead, or use plain HTTP"}
	}
	port, ok := resolvePort(get.Port, c)
	if !ok {
		return ownHook{note: fmt.Sprintf("its httpGet hook is dropped: it calls port %s, which the container does not declare, and always failed", get.Port.String())}
	}
	flag, when := "--then-http", "after drain"
	if atAnnounce {
		flag, when = "--at-announce-http", "at announce"
	}
	target := net.JoinHostPort(get.Host, strconv.Itoa(int(port))) + "/" + strings.TrimPrefix(escaped(get.Path), "/")
	args := []string{flag + "=" + target}
	for _, header := range get.HTTPHeaders {
		args = append(args, flag+"-header="+header.Name+": "+header.Value)
	}
	return ownHook{args: args, note: "its own request runs " + when}
}

// escaped is the path as the kubelet puts it into a request: it may hold a query, and
// characters that have to be escaped.
func escaped(text string) string {
	parsed, err := url.Parse(text)
	if err != nil {
		parsed = &url.URL{Path: text}
	}
	return strings.ReplaceAll(parsed.RequestURI(), " ", "%20") // a query is left as it was written
}

// resolvePort does as the kubelet does: a name is looked up among the container's own ports,
// and is else read as a number.
func resolvePort(port intstr.IntOrString, c *corev1.Container) (int32, bool) {
	number := port.IntVal
	if port.Type == intstr.String {
		for _, declared := range c.Ports {
			if declared.Name == port.StrVal {
				return declared.ContainerPort, true
			}
		}
		read, err := strconv.ParseInt(port.StrVal, 10, 32)
		if err != nil {
			return 0, false
		}
		number = int32(read)
	}
	return number, number > 0 && number <= 65535
}

// runsAgent recognises a hand-written hook: the agent under any path, or in a script.
func runsAgent(command []string) bool {
	for _, one := range script(command).Commands {
		if args := one.Args(); len(args) > 1 && path.Base(args[0]) == path.Base(ImageAgentPath) && args[1] == "prestop" {
			return true
		}
	}
	return false
}

// onlySleep reports whether a command does nothing but sleep, and for how long.
func onlySleep(command []string) (time.Duration, bool) {
	read := script(command)
	if !read.Complete || len(read.Commands) != 1 || read.Commands[0].Name() != "sleep" || read.Time.Open || read.Time.Endless() {
		return 0, false
	}
	return asDuration(read.Time.Min), read.Time.Min > 0
}

// sleepsIn is how long a command is certain to wait. It only ever makes the grace period longer;
// for a command that never ends no grace period is long enough.
func sleepsIn(command []string) time.Duration {
	if took := script(command).Time; !took.Endless() {
		return asDuration(took.Min)
	}
	return 0
}

func asDuration(seconds float64) time.Duration {
	return time.Duration(min(seconds, termination.MaxWait.Seconds()) * float64(time.Second))
}

// script is what a command runs: the text that it gives to a shell, or itself.
func script(command []string) shell.Script { return shell.Read(command, nil) }
