package shell

import "math"

// curl's --max-time holds for each try; between two it pauses 1, 2, 4 s. --connect-timeout bounds
// no transfer (curl's manual).
func curl(args []string) Span {
	o := optionsOf(args)
	limit, bounded := o.seconds("m", "max-time")
	connect, _ := o.seconds("connect-timeout")
	if !bounded || limit == 0 {
		return Span{Max: connect, Open: true}
	}
	total := limit
	tries, _ := o.seconds("retry")
	pause, fixed := o.seconds("retry-delay")
	for i := range int(min(tries, 20)) {
		if !fixed || pause == 0 {
			pause = min(math.Pow(2, float64(i)), 600)
			fixed = false
		}
		total += limit + pause
	}
	if most, given := o.seconds("retry-max-time"); given && tries > 0 {
		total = min(total, most+limit)
	}
	return Span{Max: total}
}

// wget's --timeout bounds each look-up, connection and silence, and no transfer; GNU's tries 20
// times unless told otherwise, BusyBox's once (their manuals).
func wget(args []string) Span {
	o := optionsOf(args)
	limit, bounded := o.seconds("T", "timeout")
	if !bounded {
		return Span{Open: true}
	}
	tries, _ := o.seconds("t", "tries")
	return Span{Max: limit * max(tries, 1), Open: true}
}

// netcat's -w bounds a connection's making and its silence; with -z nothing comes after the making
// (OpenBSD's manual).
func netcat(args []string) Span {
	o := optionsOf(args)
	limit, bounded := o.seconds("w", "wait")
	return Span{Max: limit, Open: !bounded || !o.Has("z")}
}

// grpcHealthProbe bounds each of both by a second unless told otherwise (its README).
func grpcHealthProbe(args []string) Span {
	o := optionsOf(args)
	total := 0.0
	for _, name := range []string{"connect-timeout", "rpc-timeout"} {
		limit, given := o.seconds(name)
		if !given {
			limit = 1
		}
		total += limit
	}
	return Span{Max: total}
}
