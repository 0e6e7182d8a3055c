package shell

import "math"

// A way is how a statement can end.
type way int

const (
	ok    way = iota // it went on, with status 0
	fail             // it went on, with another status
	exit             // the shell ended
	gone             // exec replaced the shell, whose traps are gone with it
	leave            // break
	again            // continue
	back             // return
	hang             // it never ends
	nways = iota
)

// state is a moment: when it comes, if it comes at all.
type state struct {
	at   Span
	runs Answer
}

var start = state{runs: Yes}

func (s state) after(t Span) state {
	s.at = Span{s.at.Min + t.Min, s.at.Max + t.Max, s.at.Open || t.Open}
	return s
}

// since is the time from an earlier moment. Where that one may never come, what comes after it is
// known to take its least only.
func (s Span) since(begin Span) Span {
	t := Span{s.Min - begin.Min, s.Max - begin.Max, s.Open && !begin.Open}
	if math.IsInf(begin.Max, 1) {
		t.Max = t.Min
	}
	return t
}

// or is the moment at which either has come.
func (s state) or(t state) state {
	switch {
	case s.runs == No:
		return t
	case t.runs == No:
		return s
	}
	return state{
		at:   Span{math.Min(s.at.Min, t.at.Min), math.Max(s.at.Max, t.at.Max), s.at.Open || t.at.Open},
		runs: max(s.runs, t.runs),
	}
}

// flow is how a statement can end, and when. A way that it cannot take has
// runs == No.
type flow [nways]state

// goes is a flow that takes some ways at one moment.
func goes(s state, ways ...way) flow {
	var f flow
	for _, w := range ways {
		f[w] = s
	}
	return f.from(s)
}

func (f flow) or(g flow) flow {
	for w := range f {
		f[w] = f[w].or(g[w])
	}
	return f
}

// sides are f's ways other than ok and fail.
func (f flow) sides() flow {
	f[ok], f[fail] = state{}, state{}
	return f
}

// from says for certain only what is the one thing that can happen.
func (f flow) from(in state) flow {
	possible := 0
	for _, s := range f {
		if s.runs != No {
			possible++
		}
	}
	for w := range f {
		switch {
		case f[w].runs == No:
		case possible == 1:
			f[w].runs = in.runs
		default:
			f[w].runs = min(in.runs, Maybe)
		}
	}
	return f
}

// next is when the statement after it begins.
func (f flow) next(in state) state {
	s := f[ok].or(f[fail])
	if s.runs == No {
		return s
	}
	s.runs = in.runs
	for _, side := range f.sides() {
		if side.runs != No {
			s.runs = min(in.runs, Maybe)
		}
	}
	return s
}

// ends turns what leaves a subshell or a function into a status.
func (f flow) ends(in state, ways ...way) flow {
	for _, w := range ways {
		f[ok], f[fail] = f[ok].or(f[w]), f[fail].or(f[w])
		f[w] = state{}
	}
	return f.from(in)
}
