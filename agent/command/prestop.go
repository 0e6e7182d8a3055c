package command

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/lameduck-dev/lameduck/agent"
	"github.com/lameduck-dev/lameduck/agent/hook"
	"github.com/lameduck-dev/lameduck/agent/registries"
	"github.com/lameduck-dev/lameduck/agent/sockets"
)

const prestopHead = `Usage: lameduck-agent prestop [flags] [-- COMMAND ARG...]

Waits until the pod may stop, and says in one line on the container's log what it waited for.
It reads the settings that install wrote beside it; flags go before them, lists add up.

Exit codes: 0 waited; 1 waited, but its settings are broken, or the pod's own hook failed;
143 ended by SIGTERM. Broken settings never end the wait: it then uses its defaults, and
the connections alone.

Flags:
`

// maxConfig bounds the settings file, in bytes.
const maxConfig = 64 << 10

// prestopOptions are the flags of one container's hook.
type prestopOptions struct {
	*options
	container    string
	json         bool
	thenExec     bool
	announceExec bool
	thenHTTP     *hook.HTTPGet
	announceHTTP *hook.HTTPGet
	command      []string
}

func (o *prestopOptions) register(flags *flag.FlagSet) {
	o.options.register(flags)
	flags.StringVar(&o.container, "container", "", "name of the container, for the report")
	flags.BoolVar(&o.json, "json", false, "write the timeline as one line of JSON")
	flags.BoolVar(&o.thenExec, "then-exec", false, "run the command after -- when drained: the container's own hook")
	flags.BoolVar(&o.announceExec, "at-announce-exec", false, "run the command after -- at the beginning, beside the wait")
	httpFlags(flags, "then-http", "when drained", &o.thenHTTP)
	httpFlags(flags, "at-announce-http", "at the beginning, beside the wait", &o.announceHTTP)
}

func httpFlags(flags *flag.FlagSet, name, when string, get **hook.HTTPGet) {
	flags.Func(name, "ask `HOST:PORT/PATH` by HTTP "+when+": the container's own hook; without HOST the pod's own address", func(text string) error {
		parsed, err := hook.ParseHTTPGet(text)
		if err != nil {
			return err
		}
		*get = &parsed
		return nil
	})
	flags.Func(name+"-header", "`header` of that request, Name: value; repeat for more", func(text string) error {
		if *get == nil {
			return fmt.Errorf("goes after --%s", name)
		}
		return (*get).AddHeader(text)
	})
}

// ownHook is the container's own hook, from the flags; nil if there is none.
func (o *prestopOptions) ownHook() (own agent.Hook, atAnnounce bool, err error) {
	found := 0
	if o.thenExec || o.announceExec {
		own, atAnnounce, found = hook.Exec{Command: o.command}, o.announceExec, found+1
	}
	if o.thenExec && o.announceExec {
		found++
	}
	if o.thenHTTP != nil {
		own, found = *o.thenHTTP, found+1
	}
	if o.announceHTTP != nil {
		own, atAnnounce, found = *o.announceHTTP, true, found+1
	}
	switch {
	case found > 1:
		return own, atAnnounce, errors.New("more than one own hook is given")
	case (o.thenExec || o.announceExec) && len(o.command) == 0:
		return nil, false, errors.New("then-exec and at-announce-exec need a command after --")
	case found == 0 && len(o.command) > 0:
		return nil, false, fmt.Errorf("%q goes with then-exec or at-announce-exec", o.command[0])
	case found == 0:
		return nil, false, nil
	}
	return own, atAnnounce, nil
}

// parsePrestop reads what is written in the settings file and then the flags, which go before it.
// Whatever the error, its result is usable.
func parsePrestop(args []string, configFile string) (*prestopOptions, *flag.FlagSet, error) {
	o := &prestopOptions{options: newOptions()}
	configErr := o.readConfig(configFile)
	if configErr != nil {
		configErr = fmt.Errorf("%s: %w", configFile, configErr)
	}
	flags := newFlags("prestop")
	o.register(flags)
	_, command, err := parseLeniently(flags, args)
	o.command = command
	if asksHelp(err) {
		return o, flags, err
	}
	return o, flags, errors.Join(configErr, err)
}

// readConfig takes over the flags that install wrote, if it did.
func (o *options) readConfig(path string) error {
	if path == "" {
		return nil
	}
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxConfig+1))
	if err != nil {
		return err
	}
	if len(data) > maxConfig {
		return fmt.Errorf("larger than %d bytes", maxConfig)
	}
	var written []string
	if err := json.Unmarshal(data, &written); err != nil {
		return err
	}
	flags := newFlags("config")
	o.register(flags)
	_, rest, err := parseLeniently(flags, written)
	if asksHelp(err) {
		return errors.New("--help is not a setting")
	}
	if len(rest) > 0 {
		err = errors.Join(err, fmt.Errorf("%q is not a flag", rest[0]))
	}
	return err
}

// installedConfig is the settings file beside an installed agent; a binary of another name
// was put there by hand and has none.
func installedConfig() string {
	self, err := os.Executable()
	if err != nil || filepath.Base(self) != installedName {
		return ""
	}
	return filepath.Join(filepath.Dir(self), configName)
}

// registryProgram is lameduck-registry beside this program, under the name that install gives it or
// its own; else wherever PATH has it.
func registryProgram() string {
	self, err := os.Executable()
	if err != nil {
		return registryName
	}
	for _, name := range []string{installedRegistry, registryName} {
		if path := filepath.Join(filepath.Dir(self), name); fileExists(path) {
			return path
		}
	}
	return registryName
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// gcPercent keeps the agent small beside the application: its heap is collected from 1 MB on.
const gcPercent = 25

func prestop(args []string, stdout, stderr io.Writer) int {
	debug.SetGCPercent(gcPercent)
	// A reader of the output that goes away must not end the wait.
	signal.Ignore(syscall.SIGPIPE, syscall.SIGHUP)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	configFile := installedConfig()
	o, flags, err := parsePrestop(args, configFile)
	if asksHelp(err) {
		printFlags(flags, stdout, prestopHead)
		return ExitDone
	}
	config, hub, settingsErr := o.settings()
	own, atAnnounce, hookErr := o.ownHook()
	if err = errors.Join(err, settingsErr, hookErr); err != nil {
		err = fmt.Errorf("broken settings: %s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	config.Container, config.RestartGrace = o.container, o.restarts[o.container]
	config.NodeAddresses = append(config.NodeAddresses, sockets.Gateways()...)
	config.Age = podAge(configFile)
	reader := sockets.Open()
	defer reader.Close()
	parts := agent.Parts{Sockets: reader, Hook: own, AtAnnounce: atAnnounce}
	if hub != nil {
		parts.Hub = hub
	}
	if len(o.registries) > 0 {
		parts.Registries = registries.Process{Path: registryProgram(), Specs: o.registries, Errors: stderr}
	}
	summary, runErr := agent.Run(ctx, config, parts)
	if errors.Is(runErr, agent.ErrCut) {
		return ExitCut
	}
	err = errors.Join(err, runErr)
	say(stdout, logLine(summary, err, o.json))
	if err != nil {
		fmt.Fprintln(stderr, "lameduck-agent:", err)
		return ExitFailed
	}
	return ExitDone
}

// podAge is how long the pod has been up: since its settings were written or since PID 1 was
// started, whichever is longer ago. Zero if neither is known.
func podAge(configFile string) time.Duration {
	age, err := sockets.Age()
	if err != nil {
		age = 0
	}
	if info, err := os.Stat(configFile); err == nil {
		age = max(age, time.Since(info.ModTime()))
	}
	return age
}
