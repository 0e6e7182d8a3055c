// Package shell reads as much of a shell script as is needed to tell what a
// hook or an entry point does: which commands run, in which order, which are
// sent to the background, and how long it sleeps. It runs nothing, and says
// when a script is more than it understands.
package shell

import (
	"path"
	"strconv"
	"strings"
)

// Command is one simple command of a script.
type Command struct {
	Words []string // quotes removed; $ and backticks left as they are
	Op    string   // what follows it: ";", "&", "&&", "||", "|", "" at the end
	Nest  int      // how many ifs, loops and groups it stands in
	Loop  bool     // it stands in a loop
	Or    bool     // it runs only if the one before failed
}

// Name is the command's program without folder and leading assignments.
func (c Command) Name() string {
	if args := c.Args(); len(args) > 0 {
		return path.Base(args[0])
	}
	return ""
}

// Args are the words after leading assignments and after exec, nohup, time.
func (c Command) Args() []string {
	words := c.Words
	for len(words) > 0 {
		w := words[0]
		if i := strings.IndexByte(w, '='); i > 0 && !strings.ContainsAny(w[:i], "/-$") {
			words = words[1:]
			continue
		}
		if w == "exec" || w == "nohup" || w == "time" || w == "command" {
			words = words[1:]
			continue
		}
		break
	}
	return words
}

// Exec reports whether the command replaces the shell.
func (c Command) Exec() bool {
	for _, w := range c.Words {
		if w == "exec" {
			return true
		}
		if !strings.Contains(w, "=") {
			return false
		}
	}
	return false
}

// Script is a parsed script.
type Script struct {
	Commands []Command
	Complete bool // everything in it was understood
}

// Unwrap finds the script in an argument list such as ["sh", "-c", "..."].
// Program is the shell's name without folder.
func Unwrap(argv []string) (program, script string, ok bool) {
	if len(argv) > 0 && path.Base(argv[0]) == "env" {
		argv = argv[1:]
	}
	if len(argv) > 1 && path.Base(argv[0]) == "busybox" {
		argv = argv[1:]
	}
	if len(argv) < 3 {
		return "", "", false
	}
	switch program = path.Base(argv[0]); program {
	case "sh", "bash", "ash", "dash", "ksh", "zsh":
	default:
		return "", "", false
	}
	for i, arg := range argv[1 : len(argv)-1] {
		if !strings.HasPrefix(arg, "-") || strings.HasPrefix(arg, "--") {
			return "", "", false
		}
		if strings.HasSuffix(arg, "c") {
			return program, argv[i+2], true
		}
	}
	return "", "", false
}

// Sleeps adds up the sleeps that the script is certain to wait for: those in
// the foreground, outside of conditions and loops, with a constant duration.
// At is the text of the longest one.
func (s Script) Sleeps() (seconds float64, at string) {
	longest := -1.0
	for _, c := range s.Commands {
		if c.Name() != "sleep" || c.Nest > 0 || c.Or || c.Op == "&" || len(c.Args()) < 2 {
			continue
		}
		total := 0.0
		for _, arg := range c.Args()[1:] {
			d, ok := Duration(arg)
			if !ok {
				total = 0
				break
			}
			total += d
		}
		if seconds += total; total > longest {
			longest, at = total, strings.Join(c.Args()[1:], " ")
		}
	}
	return seconds, at
}

// Duration reads what sleep(1) takes: a number with s, m, h or d.
func Duration(s string) (seconds float64, ok bool) {
	unit := 1.0
	if s != "" {
		switch s[len(s)-1] {
		case 's':
			s = s[:len(s)-1]
		case 'm':
			unit, s = 60, s[:len(s)-1]
		case 'h':
			unit, s = 3600, s[:len(s)-1]
		case 'd':
			unit, s = 86400, s[:len(s)-1]
		}
	}
	if s == "" || strings.Trim(s, "0123456789.") != "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f * unit, err == nil
}
