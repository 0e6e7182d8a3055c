package shell

import (
	"path"
	"strings"
)

// valued are a program's options of one letter that take a value, from its manual; behind ":" those
// whose value can only follow in the same word. They may stand together, the last with its value:
// -sm20, -sm 20.
var valued = map[string]string{
	"curl":         "AbcCdDeEFhHKmoPQrtTuUwxXyYz",
	"wget":         "aABDeiIlOoPQRtTUwX",
	"nc":           "cegGiIMmOopPqsTVwXx",
	"ncat":         "cegGimopsw",
	"netcat":       "cegGiIMmOopPqsTVwXx",
	"pg_isready":   "dhptU",
	"psql":         "cdfFhLopPRTUv",
	"redis-cli":    "adDhinprsuxX",
	"valkey-cli":   "adDhinprsuxX",
	"mysql":        "DehPRSu:#p",
	"mariadb":      "DehPRSu:#p",
	"mysqladmin":   "cehiPrSuw:#p",
	"s6-svc":       "TW",
	"s6-rc":        "lntv",
	"s6-svscanctl": "",
}

// Options are what a program was given, by name without dashes. A name that is given more than once
// has its last value.
type Options map[string]string

// Options reads the command's options.
func (c Command) Options() Options {
	if args := c.Args(); len(args) > 0 {
		return optionsOf(args)
	}
	return nil
}

// optionsOf reads a command line as getopt would, and for programs that are not in valued as Go's
// flag package would.
func optionsOf(args []string) Options {
	o := Options{}
	letters, short := valued[path.Base(args[0])]
	for i := 1; i < len(args); i++ {
		arg := args[i]
		next := ""
		if i+1 < len(args) {
			next = args[i+1]
		}
		switch {
		case arg == "--":
			return o
		case len(arg) < 2 || arg[0] != '-':
		case arg[1] == '-' || !short:
			name, value, inline := strings.Cut(strings.TrimLeft(arg, "-"), "=")
			if !inline {
				value = next
			}
			o[name] = value
		case o.letters(arg[1:], letters, next):
			i++
		}
	}
	return o
}

// letters reads options that stand together; it reports whether the last one took the next word.
func (o Options) letters(text, valued, next string) (took bool) {
	valued, inline, _ := strings.Cut(valued, ":")
	for i := range len(text) {
		name := text[i : i+1]
		switch rest := text[i+1:]; {
		case strings.Contains(inline, name):
			o[name] = rest
			return false
		case !strings.Contains(valued, name):
			o[name] = ""
		case rest != "":
			o[name] = strings.TrimPrefix(rest, "=")
			return false
		default:
			o[name] = next
			return true
		}
	}
	return false
}

// Has reports whether one of the names was given.
func (o Options) Has(names ...string) bool {
	for _, name := range names {
		if _, has := o[name]; has {
			return true
		}
	}
	return false
}

// seconds is the value of the first of the names that was given; not given if it is no duration.
func (o Options) seconds(names ...string) (float64, bool) {
	for _, name := range names {
		if d, is := Duration(o[name]); is {
			return d, true
		}
	}
	return 0, false
}
