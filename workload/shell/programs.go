package shell

import (
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
)

// instant are programs that return at once, or in far less than a second.
var instant = setOf(`[ [[ test echo printf kill pkill killall pidof pgrep ps touch rm rmdir mkdir mv cp ln cat tac date ls
	export local readonly unset cd pwd umask ulimit shift expr let type command which hash id whoami hostname uname env printenv
	grep egrep fgrep awk sed cut head tr sort uniq wc tee basename dirname readlink realpath chmod chown stat seq logger
	nginx openresty apachectl apache2ctl httpd read alias jobs disown times getent nproc`)

func setOf(words string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(words) {
		set[word] = true
	}
	return set
}

var forever = Span{Min: math.Inf(1), Max: math.Inf(1)}

// takes tells how long a program runs, by its arguments; sure if it succeeds
// for certain.
func takes(args []string) (t Span, sure bool) {
	name := path.Base(args[0])
	switch name {
	case "busybox":
		if len(args) > 1 {
			return takes(args[1:])
		}
	case "sleep", "usleep":
		return sleep(args[1:])
	case "tail":
		return tail(args[1:]), false
	case "pause":
		return forever, false
	case "curl":
		return curl(args), false
	case "wget":
		return wget(args), false
	case "nc", "ncat", "netcat":
		if limit, ok := flag(args, "w", "wait"); ok {
			return Span{Max: limit}, false
		}
		if slices.Contains(args, "-z") || slices.Contains(args, "-vz") || slices.Contains(args, "-zv") {
			return Span{Open: true}, false
		}
	case "grpc_health_probe":
		connect, ok1 := flag(args, "connect-timeout")
		call, ok2 := flag(args, "rpc-timeout")
		if ok1 || ok2 {
			return Span{Max: max(connect, call)}, false
		}
	case "pg_isready":
		if limit, ok := flag(args, "t", "timeout"); ok {
			return Span{Max: limit}, false
		}
	case "echo", "printf", "export", "cd", "unset", "local", "readonly", "alias", "disown", "umask", "shift", "date":
		return Span{}, name != "cd" && name != "shift" && name != "date"
	}
	return Span{Open: !instant[name]}, false
}

func sleep(args []string) (Span, bool) {
	total := 0.0
	for _, arg := range args {
		if arg == "infinity" || arg == "inf" {
			return forever, false
		}
		d, ok := Duration(arg)
		if !ok {
			if d, ok = fallback(arg); ok {
				return Span{Max: total + d, Open: true}, false
			}
			return Span{Max: total, Open: strings.ContainsAny(arg, "$`{<")}, false
		}
		total += d
	}
	return Span{Min: total, Max: total}, len(args) > 0
}

// fallback reads the default of ${NAME:-15}.
func fallback(arg string) (float64, bool) {
	if _, value, found := strings.Cut(strings.TrimSuffix(arg, "}"), "-"); found && strings.HasPrefix(arg, "${") {
		return Duration(value)
	}
	return 0, false
}

// tail follows a file forever, or until a process has ended.
func tail(args []string) Span {
	follows, until := false, false
	for _, arg := range args {
		follows = follows || arg == "--follow" || len(arg) > 1 && arg[0] == '-' && arg[1] != '-' && strings.ContainsAny(arg, "fF")
		until = until || strings.HasPrefix(arg, "--pid")
	}
	switch {
	case follows && !until:
		return forever
	case follows:
		return Span{Open: true}
	}
	return Span{}
}

// curl's --max-time holds for each try; between two it pauses 1, 2, 4 s.
func curl(args []string) Span {
	limit, bounded := flag(args, "m", "max-time")
	connect, _ := flag(args, "connect-timeout")
	if !bounded {
		return Span{Max: connect, Open: true}
	}
	total := limit
	tries, _ := flag(args, "retry")
	pause, fixed := flag(args, "retry-delay")
	for i := range int(min(tries, 20)) {
		if !fixed || pause == 0 {
			pause = min(math.Pow(2, float64(i)), 600)
			fixed = false
		}
		total += limit + pause
	}
	if most, ok := flag(args, "retry-max-time"); ok && tries > 0 {
		total = min(total, most+limit)
	}
	return Span{Max: total}
}

func wget(args []string) Span {
	limit, bounded := flag(args, "T", "timeout")
	if !bounded {
		return Span{Open: true}
	}
	tries, ok := flag(args, "t", "tries")
	return Span{Max: limit * max(tries, 1), Open: ok && tries == 0}
}

// flag reads a flag's number: -m 5, -m5, -sm 5, --max-time 5, --max-time=5.
// Names of one letter take one dash, longer ones one or two.
func flag(args []string, names ...string) (float64, bool) {
	for i, arg := range args {
		value := ""
		if i+1 < len(args) {
			value = args[i+1]
		}
		for _, name := range names {
			var found bool
			if len(name) == 1 {
				if len(arg) < 2 || arg[0] != '-' || arg[1] == '-' {
					continue
				}
				before, after, has := strings.Cut(arg[1:], name)
				found = has && strings.Trim(before, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" && (after == "" || before == "")
				if after != "" {
					value = strings.TrimPrefix(after, "=")
				}
			} else {
				bare := strings.TrimLeft(arg, "-")
				key, inline, has := strings.Cut(bare, "=")
				found = bare != arg && key == name
				if has {
					value = inline
				}
			}
			if !found {
				continue
			}
			if d, ok := Duration(value); ok {
				return d, true
			}
		}
	}
	return 0, false
}

// Duration reads what sleep(1) takes: a number with s, m, h or d; and 500ms, as
// some programs' flags have it.
func Duration(s string) (seconds float64, ok bool) {
	unit := 1.0
	if number, is := strings.CutSuffix(s, "ms"); is {
		s, unit = number, 0.001
	} else if s != "" {
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
