package shell

import (
	"path"
	"slices"
	"strings"
)

// call follows one simple command. words are as they are written, known has what is known about
// their variables.
func (e *eval) call(words, known []string, at place, in state) flow {
	c := Command{
		Words: words, Text: at.text, Offset: at.offset, Runs: in.runs, After: in.at,
		Depth: e.depth, Or: e.or, Background: e.background, Piped: e.piped,
	}
	args := program(known)
	c.Exec = len(program(words)) < len(words) && slices.Contains(words[:len(words)-len(program(words))], "exec")
	i := len(e.commands)
	e.commands = append(e.commands, c)
	f := e.run(args, at, in)
	if c.Exec && len(args) > 0 {
		f[gone] = f[gone].or(f[ok]).or(f[fail])
		f[ok], f[fail] = state{}, state{}
	}
	f = f.from(in)
	if end := f.any(); end.runs != No {
		e.commands[i].Takes = end.at.since(in.at)
	}
	return f
}

func (e *eval) run(args []string, at place, in state) flow {
	if len(args) == 0 {
		return goes(in, ok) // exec with redirections alone, or assignments
	}
	name := args[0]
	if body, defined := e.funcs[name]; defined {
		delete(e.funcs, name) // a function that calls itself is not followed
		f := e.stmt(body, in).ends(in, back)
		e.funcs[name] = body
		return f
	}
	switch name = path.Base(name); name {
	case "exit":
		return goes(in, exit)
	case "return":
		return goes(in, back)
	case "break":
		return goes(in, leave)
	case "continue":
		return goes(in, again)
	case "true", ":":
		return goes(in, ok)
	case "false":
		return goes(in, fail)
	case "set":
		e.set(args[1:])
		return goes(in, ok)
	case "trap":
		e.trap(args[1:])
		return goes(in, ok)
	case "wait":
		return e.wait(args[1:], in)
	case "eval":
		return e.nested(strings.Join(args[1:], " "), in)
	case ".", "source":
		return e.unknown(in)
	case "timeout":
		return e.timeout(args, at, in)
	}
	if s, is := unwrap(args); is {
		return e.subshell(func() flow {
			e.errexit = s.errexit
			return e.nested(s.text, in)
		}, in)
	}
	t, sure := takes(args)
	if t.Endless() {
		return goes(in.after(t), hang)
	}
	if sure {
		return goes(in.after(t), ok)
	}
	return goes(in.after(t), ok, fail)
}

// nested follows a script inside the script.
func (e *eval) nested(text string, in state) flow {
	file, parsed, _ := parse(text)
	if !parsed {
		return e.unknown(in)
	}
	outer := e.text
	e.text = text
	e.depth++
	f := e.stmts(file.Stmts, in)
	e.text = outer
	return f
}

func (e *eval) set(args []string) {
	for i, arg := range args {
		switch {
		case strings.HasPrefix(arg, "-") && !strings.HasPrefix(arg, "--") && strings.Contains(arg, "e"),
			arg == "errexit" && i > 0 && strings.HasPrefix(args[i-1], "-"):
			e.errexit = true
		case strings.HasPrefix(arg, "+") && strings.Contains(arg, "e"):
			e.errexit = false
		}
	}
}

// trap keeps what runs at the script's end. Signals do not come to a hook.
func (e *eval) trap(args []string) {
	if len(args) < 2 || !slices.Contains(args[1:], "EXIT") && !slices.Contains(args[1:], "0") {
		return
	}
	file, parsed, _ := parse(args[0])
	if !parsed || e.depth > 0 {
		e.complete = false
		return
	}
	e.onExit = file.Stmts
}

// wait ends with the commands in the background.
func (e *eval) wait(args []string, in state) flow {
	f := goes(in, ok, fail)
	for _, job := range e.jobs {
		for _, w := range []way{ok, fail} {
			if len(args) == 0 || len(e.jobs) == 1 {
				f[w].at.Min = max(f[w].at.Min, job.at.Min)
			}
			f[w].at.Max = max(f[w].at.Max, job.at.Max)
			f[w].at.Open = f[w].at.Open || job.at.Open
		}
	}
	if f[ok].at.Endless() {
		return goes(f[ok], hang).from(in)
	}
	return f.from(in)
}

// timeout ends the command that it starts.
func (e *eval) timeout(args []string, at place, in state) flow {
	limit, rest, valid := timeoutArgs(args[1:])
	if !valid || len(rest) == 0 {
		return e.unknown(in)
	}
	f := e.call(rest, rest, at, in)
	for w := range f {
		s := &f[w]
		if s.runs == No {
			continue
		}
		s.at.Min = min(s.at.Min, in.at.Min+limit)
		if s.at.Open && !in.at.Open {
			s.at.Max = in.at.Max + limit
		}
		s.at.Max = min(s.at.Max, in.at.Max+limit)
		s.at.Open = in.at.Open
	}
	f[fail] = f[fail].or(f[hang])
	f[hang] = state{}
	return f.from(in)
}

// timeoutArgs are timeout's limit and what it starts; busybox has long had the
// limit behind -t.
func timeoutArgs(args []string) (limit float64, rest []string, valid bool) {
	kill := 0.0
	for len(args) > 1 && strings.HasPrefix(args[0], "-") {
		name, value, inline := strings.Cut(args[0], "=")
		if !inline && (name == "-k" || name == "-s" || name == "-t" || name == "--kill-after" || name == "--signal") {
			value, args = args[1], args[1:]
		}
		args = args[1:]
		switch name {
		case "-k", "--kill-after":
			kill, _ = Duration(value)
		case "-t":
			limit, valid = Duration(value)
			return limit, args, valid
		}
	}
	if len(args) == 0 {
		return 0, nil, false
	}
	limit, valid = Duration(args[0])
	return limit + kill, args[1:], valid
}
