package shell

import (
	"math"
	"path"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// rounds says how often a loop's body runs: at least, and at most (-1 if
// nothing bounds it).
type rounds struct {
	least, most int
	ends        bool // it ends with something that ends by itself: a process, an input, a list
}

// while follows one round and reckons with as many as the condition allows.
func (e *eval) while(c *syntax.WhileClause, in state) flow {
	r := rounds{0, e.counted(c), e.follows(c)}
	e.forget(c)
	cond := e.condition(func() flow { return e.stmts(c.Cond, in) })
	if c.Until {
		cond[ok], cond[fail] = cond[fail], cond[ok]
	}
	body := e.stmts(c.Do, cond[ok])
	f := e.rounds(in, cond.sides().or(body), r, cond[fail].runs == No)
	if cond[fail].runs != No { // the last look at the condition
		f[ok].at.Max += cond[fail].at.since(in.at).Max
		f[ok] = f[ok].or(cond[fail])
		f[ok].at.Min = math.Min(f[ok].at.Min, cond[fail].at.Min)
	}
	return f.from(in)
}

// each follows a for loop.
func (e *eval) each(c *syntax.ForClause, in state) flow {
	r := rounds{0, -1, true}
	switch loop := c.Loop.(type) {
	case *syntax.WordIter:
		if n, known := e.items(loop); known && !c.Select {
			r.least, r.most = n, n
		}
		for _, w := range loop.Items {
			in = e.substitutions(w, in)
		}
	case *syntax.CStyleLoop:
		if n, known := cStyle(e.source(loop)); known {
			r.least, r.most = n, n
		} else if loop.Cond == nil {
			e.forget(c)
			r.ends = e.follows(c)
			return e.rounds(in, e.stmts(c.Do, in), r, true).from(in)
		}
	}
	e.forget(c)
	return e.rounds(in, e.stmts(c.Do, in), r, false).from(in)
}

// rounds reckons from one round of a loop with the time of all of them.
// Eternal is a loop that only its body can end.
func (e *eval) rounds(in state, once flow, r rounds, eternal bool) flow {
	next := once.next(in).or(once[again])
	took := next.at.since(in.at)
	var f flow
	for _, w := range []way{exit, gone, back, hang} {
		f[w] = once[w]
	}
	left := once[leave]
	repeats := next.runs != No
	if repeats { // a later round may be the one that ends it
		for _, s := range []*state{&f[exit], &f[gone], &f[back], &left} {
			if s.runs != No {
				s.at = s.at.plus(took, r)
			}
		}
	}
	switch {
	case eternal && repeats && r.most < 0 && left.runs == No && !f.leaves():
		f[hang] = state{at: Span{Min: math.Inf(1), Max: math.Inf(1)}, runs: in.runs}
	case !eternal && (repeats || r.least == 0):
		f[ok] = in
		f[ok].at.Min += took.Min * float64(r.least)
		if repeats {
			f[ok].at = f[ok].at.plus(took, rounds{0, r.most + 1, r.ends})
		}
		if repeats && r.least == 0 && r.most < 0 {
			f[ok].at.Max += took.Max
			f[ok].at.Open = true
			if !r.ends {
				f[ok].at.Max = math.Inf(1)
			}
		}
	}
	f[ok] = f[ok].or(left)
	return f
}

// leaves reports whether the flow can end at all.
func (f flow) leaves() bool {
	return f[exit].runs != No || f[gone].runs != No || f[back].runs != No
}

// plus adds the rounds that may come before.
func (s Span) plus(round Span, r rounds) Span {
	if r.most < 0 {
		s.Open = s.Open || round.Max > 0 || round.Open
		if !r.ends {
			s.Max = math.Inf(1)
		}
		return s
	}
	if n := float64(r.most - 1); n > 0 {
		s.Max += n * round.Max
	}
	s.Open = s.Open || round.Open
	return s
}

// watchers look at processes: a loop that asks them waits for one to end.
var watchers = setOf("kill pgrep pidof ps jps pkill killall")

// follows reports whether a loop waits for a process, or reads an input to its end.
func (e *eval) follows(loop syntax.Node) (found bool) {
	syntax.Walk(loop, func(n syntax.Node) bool {
		if call, is := n.(*syntax.CallExpr); is && len(call.Args) > 0 {
			words := program(strings.Fields(e.source(call)))
			found = found || len(words) > 0 && (watchers[path.Base(words[0])] || words[0] == "read")
		}
		return !found
	})
	return found || strings.Contains(e.source(loop), "/proc/")
}

// items counts what a for loop goes over.
func (e *eval) items(loop *syntax.WordIter) (n int, known bool) {
	if !loop.InPos.IsValid() {
		return 0, false // the script's arguments
	}
	for _, w := range loop.Items {
		text, constant := e.word(w, true)
		switch {
		case constant && strings.HasPrefix(text, "{") && strings.Contains(text, ".."):
			count, valid := braces(text)
			if !valid {
				return 0, false
			}
			n += count
		case constant && !strings.ContainsAny(text, "*?[{"):
			n++
		default:
			count, valid := sequence(text)
			if !valid {
				return 0, false
			}
			n += count
		}
	}
	return n, true
}

// braces counts {1..30}.
func braces(text string) (int, bool) {
	from, to, found := strings.Cut(strings.Trim(text, "{}"), "..")
	a, valid1 := number(from)
	b, valid2 := number(to)
	return between(a, b), found && valid1 && valid2
}

// sequence counts $(seq 30), $(seq 1 30) and the same in backticks.
func sequence(text string) (int, bool) {
	fields := strings.Fields(strings.Trim(text, "$()`"))
	if len(fields) < 2 || len(fields) > 3 || fields[0] != "seq" {
		return 0, false
	}
	from, to := "1", fields[len(fields)-1]
	if len(fields) == 3 {
		from = fields[1]
	}
	a, valid1 := number(from)
	b, valid2 := number(to)
	return max(0, b-a+1), valid1 && valid2
}

func between(a, b int) int {
	if a > b {
		a, b = b, a
	}
	return b - a + 1
}

// cStyle counts ((i=0; i<30; i++)).
func cStyle(text string) (int, bool) {
	parts := strings.Split(strings.NewReplacer(" ", "", "(", "", ")", "").Replace(text), ";")
	if len(parts) != 3 || !strings.HasSuffix(parts[2], "++") && !strings.HasPrefix(parts[2], "++") {
		return 0, false
	}
	_, from, found := strings.Cut(parts[0], "=")
	i := strings.IndexByte(parts[1], '<')
	if !found || i < 0 {
		return 0, false
	}
	to, inclusive := strings.CutPrefix(parts[1][i+1:], "=")
	a, valid1 := number(from)
	b, valid2 := number(to)
	if inclusive {
		b++
	}
	return max(0, b-a), valid1 && valid2
}

// counted is how often a loop such as `while [ $i -lt 30 ]` can run at most;
// -1 if it does not count up to a number.
func (e *eval) counted(c *syntax.WhileClause) int {
	most := -1
	syntax.Walk(&syntax.Block{Stmts: c.Cond}, func(n syntax.Node) bool {
		b, is := n.(*syntax.BinaryCmd)
		if is && b.Op != syntax.AndStmt {
			return false // the number alone does not end it
		}
		var words []string
		switch n := n.(type) {
		case *syntax.CallExpr:
			words = strings.Fields(e.source(n))
		case *syntax.TestClause:
			words = strings.Fields(e.source(n))
		default:
			return true
		}
		if n := e.limit(words, c); n >= 0 && (most < 0 || n < most) {
			most = n
		}
		return false
	})
	return most
}

// limit reads [ $i -lt 30 ] where i begins with a number and the body adds one.
func (e *eval) limit(words []string, c *syntax.WhileClause) int {
	if len(words) != 5 {
		return -1
	}
	name := strings.Trim(words[1], `"${}`)
	begin, known := e.lookup(name)
	from, valid1 := number(begin)
	to, valid2 := number(strings.Trim(words[3], `"`))
	if !known || !valid1 || !valid2 || !e.increments(c.Do, name) {
		return -1
	}
	op := words[2]
	if c.Until {
		op = map[string]string{"-ge": "-lt", "-gt": "-le", "-eq": "-ne"}[op]
	}
	switch op {
	case "-lt", "-ne":
		return max(0, to-from)
	case "-le":
		return max(0, to-from+1)
	}
	return -1
}

// increments reports whether a body adds one to a variable each time.
func (e *eval) increments(body []*syntax.Stmt, name string) bool {
	for _, stmt := range body {
		text := strings.NewReplacer(" ", "", `"`, "", "$", "", "`", "", "\\", "").Replace(strings.TrimSuffix(e.source(stmt), ";"))
		switch text {
		case name + "=((" + name + "+1))", name + "=expr" + name + "+1", name + "=(expr" + name + "+1)",
			"((" + name + "++))", "((++" + name + "))", "let" + name + "++", "let" + name + "+=1", "((" + name + "+=1))", ":((" + name + "+=1))":
			return true
		}
	}
	return false
}
