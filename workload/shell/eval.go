package shell

import (
	"maps"
	"strconv"

	"mvdan.cc/sh/v3/syntax"
)

// eval follows a script along all of its paths.
type eval struct {
	text     string
	env      func(string) (string, bool)
	vars     map[string]variable
	funcs    map[string]*syntax.Stmt
	jobs     []state // when each command in the background ends
	onExit   []*syntax.Stmt
	commands []Command
	steps    int
	complete bool

	errexit bool // set -e
	asked   int  // how many conditions a command stands in: set -e does not count there
	context      // of the command at hand
}

type context struct {
	depth                 int
	or, background, piped bool
}

type variable struct {
	text  string
	known bool
}

// place is where a command is written.
type place struct {
	text   string
	offset int
}

func newEval(env func(string) (string, bool)) *eval {
	return &eval{env: env, vars: map[string]variable{}, funcs: map[string]*syntax.Stmt{}, complete: true}
}

func (e *eval) read(text string) Script {
	e.text = text
	file, parsed, invalid := parse(text)
	if !parsed {
		return Script{Invalid: invalid, Time: Span{Open: true}}
	}
	return e.script(e.stmts(file.Stmts, start))
}

// script ends the reading: what EXIT's trap does comes last, except after exec.
func (e *eval) script(f flow) Script {
	f = f.ends(start, exit, back, leave, again)
	if e.onExit != nil {
		last := f.next(start)
		f[ok], f[fail] = state{}, state{}
		body := e.onExit
		e.onExit = nil
		f = f.or(e.stmts(body, last)).ends(start, exit, back)
	}
	f = f.from(start)
	all := state{}
	for _, s := range f {
		all = all.or(s)
	}
	return Script{Commands: e.commands, Complete: e.complete, Time: all.at}
}

// unknown is a statement that is not followed.
func (e *eval) unknown(in state) flow {
	e.complete = false
	return goes(in.after(Span{Open: true}), ok, fail).from(in)
}

func (e *eval) stmts(list []*syntax.Stmt, in state) flow {
	f, s := goes(in, ok), in
	for _, stmt := range list {
		g := e.stmt(stmt, s)
		f = f.sides().or(g)
		s = g.next(s)
	}
	return f.from(in)
}

func (e *eval) stmt(stmt *syntax.Stmt, in state) flow {
	if e.steps++; e.steps > maxSteps {
		return e.unknown(in)
	}
	outer := e.context
	defer func() { e.context = outer }()
	if stmt.Background || stmt.Coprocess || stmt.Disown {
		e.background = true
		e.jobs = append(e.jobs, e.subshell(func() flow { return e.command(stmt, in) }, in).any())
		return goes(in, ok).from(in)
	}
	f := e.command(stmt, in)
	if stmt.Negated {
		f[ok], f[fail] = f[fail], f[ok]
		return f.from(in)
	}
	if _, binary := stmt.Cmd.(*syntax.BinaryCmd); e.errexit && e.asked == 0 && !binary && !e.piped {
		f[exit], f[fail] = f[exit].or(f[fail]), state{}
	}
	return f.from(in)
}

// any is the moment at which a flow has ended, however it did.
func (f flow) any() state {
	all := state{}
	for _, s := range f {
		all = all.or(s)
	}
	return all
}

func (e *eval) command(stmt *syntax.Stmt, in state) flow {
	for _, r := range stmt.Redirs {
		if r.Word != nil {
			in = e.substitutions(r.Word, in)
		}
	}
	switch c := stmt.Cmd.(type) {
	case nil: // redirections alone
		return goes(in, ok)
	case *syntax.CallExpr:
		return e.simple(c, in)
	case *syntax.BinaryCmd:
		return e.binary(c, in)
	case *syntax.FuncDecl:
		if c.Name != nil {
			e.funcs[c.Name.Value] = c.Body
		}
		return goes(in, ok)
	case *syntax.DeclClause:
		for _, a := range c.Args {
			in = e.assign(a, in)
		}
		return goes(in, ok)
	case *syntax.TestClause, *syntax.ArithmCmd, *syntax.LetClause:
		e.forget(c)
		return goes(in, ok, fail)
	case *syntax.TimeClause:
		if c.Stmt == nil {
			return goes(in, ok)
		}
		return e.stmt(c.Stmt, in)
	}
	e.depth++
	var f flow
	switch c := stmt.Cmd.(type) {
	case *syntax.Block:
		return e.stmts(c.Stmts, in)
	case *syntax.Subshell:
		return e.subshell(func() flow { return e.stmts(c.Stmts, in) }, in)
	case *syntax.IfClause:
		f = e.choice(c, in)
	case *syntax.CaseClause:
		f = e.cases(c, in)
	case *syntax.WhileClause:
		f = e.while(c, in)
	case *syntax.ForClause:
		f = e.each(c, in)
	default:
		f = e.unknown(in)
	}
	e.forget(stmt.Cmd)
	return f.from(in)
}

// condition evaluates what set -e takes for a question.
func (e *eval) condition(eval func() flow) flow {
	e.asked++
	defer func() { e.asked-- }()
	return eval()
}

func (e *eval) binary(c *syntax.BinaryCmd, in state) flow {
	if c.Op == syntax.Pipe || c.Op == syntax.PipeAll {
		return e.pipe(c, in)
	}
	x := e.condition(func() flow { return e.stmt(c.X, in) })
	way, other := ok, fail
	if c.Op == syntax.OrStmt {
		way, other = fail, ok
		e.or = true
	}
	y := e.stmt(c.Y, x[way])
	e.forget(c.Y)
	f := x.sides().or(y)
	f[other] = f[other].or(x[other])
	return f.from(in)
}

// pipe runs both sides at once and waits for both.
func (e *eval) pipe(c *syntax.BinaryCmd, in state) flow {
	e.piped = true
	x := e.subshell(func() flow { return e.stmt(c.X, in) }, in)
	y := e.subshell(func() flow { return e.stmt(c.Y, in) }, in)
	first := x.any()
	if x[hang].runs != No { // it may end by SIGPIPE
		first.at.Min, first.at.Max, first.at.Open = in.at.Min, max(in.at.Max, x[ok].at.Max, x[fail].at.Max), true
	}
	for _, w := range []way{ok, fail} {
		if y[w].runs != No {
			y[w].at.Min = max(y[w].at.Min, first.at.Min)
			y[w].at.Max = max(y[w].at.Max, first.at.Max)
			y[w].at.Open = y[w].at.Open || first.at.Open
		}
	}
	return y.from(in)
}

// subshell keeps to itself what the commands in it set, and their exit.
func (e *eval) subshell(run func() flow, in state) flow {
	vars, funcs, trap := maps.Clone(e.vars), maps.Clone(e.funcs), e.onExit
	errexit := e.errexit
	e.onExit = nil
	f := run().ends(in, exit, gone, leave, again, back)
	e.vars, e.funcs, e.onExit, e.errexit = vars, funcs, trap, errexit
	return f
}

func (e *eval) choice(c *syntax.IfClause, in state) flow {
	if len(c.Cond) == 0 { // the last else
		return e.stmts(c.Then, in)
	}
	cond := e.condition(func() flow { return e.stmts(c.Cond, in) })
	f := cond.sides().or(e.stmts(c.Then, cond[ok]))
	if c.Else != nil {
		return f.or(e.choice(c.Else, cond[fail]))
	}
	f[ok] = f[ok].or(cond[fail])
	return f
}

func (e *eval) cases(c *syntax.CaseClause, in state) flow {
	in = e.substitutions(c.Word, in)
	f := flow{}
	maybe := in
	maybe.runs = min(in.runs, Maybe)
	all := false
	for _, item := range c.Items {
		f = f.or(e.stmts(item.Stmts, maybe))
		for _, p := range item.Patterns {
			text, _ := e.word(p, false)
			all = all || text == "*"
		}
	}
	if !all {
		f[ok] = f[ok].or(maybe)
	}
	return f
}

// simple is a command with its assignments, or assignments alone.
func (e *eval) simple(c *syntax.CallExpr, in state) flow {
	substituted := false
	for _, a := range c.Assigns {
		if a.Value != nil {
			substituted = substituted || substitutes(a.Value)
		}
		if len(c.Args) == 0 {
			in = e.assign(a, in)
		} else if a.Value != nil {
			in = e.substitutions(a.Value, in)
		}
	}
	if len(c.Args) == 0 {
		if substituted { // its status is the assignment's
			return goes(in, ok, fail)
		}
		return goes(in, ok)
	}
	words := make([]string, 0, len(c.Args)+len(c.Assigns))
	for _, a := range c.Assigns {
		words = append(words, e.source(a))
	}
	known := make([]string, 0, len(c.Args))
	for _, arg := range c.Args {
		in = e.substitutions(arg, in)
		raw, _ := e.word(arg, false)
		value, _ := e.word(arg, true)
		words, known = append(words, raw), append(known, value)
	}
	return e.call(words, known, place{e.source(c), int(c.Pos().Offset())}, in)
}

func (e *eval) assign(a *syntax.Assign, in state) state {
	if a.Name == nil {
		return in
	}
	if a.Value == nil || a.Append || a.Index != nil {
		if !a.Naked {
			e.vars[a.Name.Value] = variable{known: a.Value == nil && a.Array == nil && !a.Append}
		}
		return in
	}
	in = e.substitutions(a.Value, in)
	text, known := e.word(a.Value, true)
	if len(text) > maxValue {
		text, known = "", false
	}
	e.vars[a.Name.Value] = variable{text, known}
	return in
}

// substitutes reports whether a word holds a command.
func substitutes(w *syntax.Word) (found bool) {
	syntax.Walk(w, func(n syntax.Node) bool {
		_, is := n.(*syntax.CmdSubst)
		found = found || is
		return true
	})
	return found
}

// substitutions run before the command whose words they make.
func (e *eval) substitutions(w *syntax.Word, in state) state {
	syntax.Walk(w, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.CmdSubst:
			outer := e.context
			e.depth++
			f := e.subshell(func() flow { return e.condition(func() flow { return e.stmts(n.Stmts, in) }) }, in)
			e.context = outer
			in = f.next(in)
			return false
		case *syntax.ProcSubst:
			e.complete = false
			return false
		}
		return true
	})
	return in
}

// forget drops what is known about the variables that a node may have set.
func (e *eval) forget(n syntax.Node) {
	drop := func(name string) {
		if name != "" {
			e.vars[name] = variable{}
		}
	}
	syntax.Walk(n, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Assign:
			if n.Name != nil {
				drop(n.Name.Value)
			}
		case *syntax.WordIter:
			drop(n.Name.Value)
		case *syntax.BinaryArithm:
			if w, is := n.X.(*syntax.Word); is {
				drop(w.Lit())
			}
		case *syntax.UnaryArithm:
			if w, is := n.X.(*syntax.Word); is {
				drop(w.Lit())
			}
		case *syntax.CallExpr:
			if len(n.Args) > 0 && n.Args[0].Lit() == "read" {
				for _, arg := range n.Args[1:] {
					drop(arg.Lit())
				}
			}
		}
		return true
	})
}

func number(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil
}
