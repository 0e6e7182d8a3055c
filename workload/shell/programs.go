package shell

import (
	"math"
	"path"
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
		return netcat(args), false
	case "grpc_health_probe":
		return grpcHealthProbe(args), false
	case "pg_isready":
		o := optionsOf(args)
		limit, given := o.seconds("t", "timeout")
		if !given {
			limit = 3 // its default
		}
		return Span{Max: limit, Open: limit == 0}, false
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

// Default is how long the command sleeps, in seconds, when no variable says otherwise: ${NAME:-15}.
func (c Command) Default() (seconds float64, ok bool) {
	args := c.Args()
	if c.Name() != "sleep" || len(args) != 2 {
		return 0, false
	}
	return fallback(args[1])
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
