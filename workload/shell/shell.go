// Package shell reads what a hook or an entry point does: which commands run, whether they run for
// certain, when, and how long all of it takes. The script is parsed as a shell would parse it and
// followed along every path that it can take. It runs nothing, and says where it knows no bound.
package shell

import (
	"math"
	"path"
	"slices"
	"strings"
	"sync"

	"mvdan.cc/sh/v3/syntax"
)

// Answer is what can be said about a script without running it.
type Answer uint8

// The answers.
const (
	No Answer = iota
	Maybe
	Yes
)

// Span is how long something takes, in seconds.
type Span struct {
	Min  float64 // it takes this long for certain; +Inf if it never ends
	Max  float64 // the sum of the bounds that are known; +Inf if it may never end
	Open bool    // a part of it has no known bound: it may take longer than Max
}

// Endless reports whether it never ends by itself.
func (s Span) Endless() bool { return math.IsInf(s.Min, 1) }

// Waits reports whether it takes any time.
func (s Span) Waits() Answer {
	switch {
	case s.Min > 0:
		return Yes
	case s.Max > 0 || s.Open:
		return Maybe
	}
	return No
}

// Command is one simple command of a script.
type Command struct {
	Words  []string // quotes removed; $ and backticks left as they are
	Text   string   // as it is written
	Offset int      // where in the script it is written, in bytes
	Runs   Answer
	After  Span // when it starts, counted from the script's start
	Takes  Span // how long it runs

	Depth      int  // how many conditions, loops and groups it stands in
	Or         bool // it stands after ||
	Background bool // the script goes on without it
	Piped      bool
	Exec       bool // it replaces the shell
}

// Name is the command's program without its folder.
func (c Command) Name() string {
	if args := c.Args(); len(args) > 0 {
		return path.Base(args[0])
	}
	return ""
}

// Args are the words after leading assignments and after programs that only
// start another: exec, nohup, time, env.
func (c Command) Args() []string { return program(c.Words) }

// String is the command in one line.
func (c Command) String() string { return strings.Join(c.Words, " ") }

// Script is a script that was read.
type Script struct {
	Commands []Command // in the order in which they run
	Complete bool      // everything in it was understood
	Invalid  bool      // no shell can parse it
	Time     Span
}

// The bounds of what is read. A script comes from a manifest that anyone may
// have written; real ones are far below.
const (
	maxScript = 32 << 10 // bytes
	maxNest   = 200      // brackets that are open at once
	maxSteps  = 5_000    // statements, each function's as often as it is called
	maxValue  = 1 << 10  // bytes of a variable
)

// Read reads what a command line does: a shell's script, or the one command. Env looks a variable
// of the process up; nil if none is known. The script is shared, and must not be changed.
func Read(argv []string, env func(string) (string, bool)) Script {
	if len(argv) == 0 {
		return Script{}
	}
	return readOnce(argv, func() Script { return readNew(argv, env) })
}

func readNew(argv []string, env func(string) (string, bool)) Script {
	if OneWord(argv) {
		return Script{Commands: []Command{{Words: argv, Text: argv[0], Runs: No}}, Complete: true}
	}
	e := newEval(env)
	if s, ok := unwrap(argv); ok {
		e.errexit = s.errexit
		return e.read(s.text)
	}
	f := e.call(argv, argv, place{text: strings.Join(argv, " ")}, start)
	return e.script(f)
}

// OneWord reports whether a whole command line is in the place of the program's name: no program
// has such a name.
func OneWord(argv []string) bool {
	return len(argv) == 1 && len(strings.Fields(argv[0])) > 1
}

// Parse reads the text of a script.
func Parse(text string) Script { return newEval(nil).read(text) }

var parsers = sync.Pool{New: func() any { return syntax.NewParser(syntax.Variant(syntax.LangBash)) }}

// parse gives up on text that is not a script (invalid) and on scripts too large to follow.
func parse(text string) (file *syntax.File, ok, invalid bool) {
	if len(text) > maxScript || nesting(text) > maxNest {
		return nil, false, false
	}
	p := parsers.Get().(*syntax.Parser)
	defer parsers.Put(p)
	file, err := p.Parse(strings.NewReader(text), "")
	return file, err == nil, err != nil
}

// nesting is how many brackets may be open at once, so that the parser's
// recursion has a bound.
func nesting(text string) int {
	open, most := 0, 0
	for i := range len(text) {
		switch text[i] {
		case '(', '{', '`', '[':
			open++
		case ')', '}', ']':
			open = max(0, open-1)
		}
		most = max(most, open)
	}
	return most
}

// shells are the programs that take a script after -c.
var shells = []string{"sh", "bash", "ash", "dash", "ksh", "zsh"}

// Unwrap finds the script in an argument list such as ["sh", "-c", "..."].
// Program is the shell's name without folder.
func Unwrap(argv []string) (program, script string, ok bool) {
	s, ok := unwrap(argv)
	return s.program, s.text, ok
}

type shellCall struct {
	program, text string
	errexit       bool
}

func unwrap(argv []string) (s shellCall, ok bool) {
	argv = program(argv)
	if len(argv) > 1 && path.Base(argv[0]) == "busybox" {
		argv = argv[1:]
	}
	if len(argv) < 3 {
		return s, false
	}
	if s.program = path.Base(argv[0]); !slices.Contains(shells, s.program) {
		return s, false
	}
	command := false
	for i := 1; i < len(argv); i++ {
		arg := argv[i]
		switch {
		case arg == "--rcfile", arg == "--init-file":
			i++
		case len(arg) > 2 && strings.HasPrefix(arg, "--"):
		case len(arg) > 1 && arg != "--" && (arg[0] == '-' || arg[0] == '+'):
			command = command || strings.Contains(arg, "c")
			s.errexit = s.errexit || arg[0] == '-' && strings.Contains(arg, "e")
			if strings.ContainsAny(arg, "oO") {
				i++
				s.errexit = s.errexit || i < len(argv) && arg[0] == '-' && argv[i] == "errexit"
			}
		case command:
			if arg == "--" || arg == "-" {
				if i++; i >= len(argv) {
					return s, false
				}
			}
			s.text = argv[i]
			return s, true
		default:
			return s, false // the script is a file
		}
	}
	return s, false
}
