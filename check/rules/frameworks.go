package rules

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lameduck-dev/lameduck/inject"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

// shutdownAnnotation states what no manifest shows: how many seconds the application takes to
// finish its requests after SIGTERM.
const shutdownAnnotation = inject.ShutdownAnnotation

// shutdown is a server's own shutdown time.
type shutdown struct {
	name       string
	seconds    int64
	setting    workload.Setting
	confidence findings.Confidence
}

// shutdownTime reads how long a container's server lets requests finish after
// SIGTERM; false if the input does not say.
func shutdownTime(c *workload.Container) (shutdown, bool) {
	if n := c.Pod.PodAnnotation(shutdownAnnotation); n != nil {
		if seconds, err := strconv.ParseFloat(n.Value, 64); err == nil {
			return shutdown{"the application (by annotation)", ceil(seconds), workload.Setting{Value: n.Value, Object: c.Pod.Object, Node: n}, findings.Certain}, true
		}
	}
	for _, f := range servers().Shutdown {
		if s, ok := f.setting(c); ok {
			if d, ok := duration(s.Value, f.unit); ok {
				return shutdown{f.Name, ceil(d.Seconds()), s, findings.Certain}, true
			}
		}
	}
	return defaultShutdown(c)
}

func (f framework) setting(c *workload.Container) (workload.Setting, bool) {
	switch {
	case f.Property != "":
		return c.Property(f.Property)
	case f.Program != "" && !runs(c, f.Program):
		return workload.Setting{}, false
	case f.Env != "":
		s, ok := c.Env(f.Env)
		if ok && f.Flag != "" {
			return flagIn(s, f.Flag)
		}
		return s, ok
	case f.Flag != "":
		v, at, ok := c.Flag(f.Flag)
		return workload.Setting{Value: v, Object: c.Pod.Object, Node: at}, ok
	}
	if f.File == "" {
		return workload.Setting{}, false
	}
	for _, file := range c.Files() {
		if m := f.file.FindStringSubmatch(file.Value); m != nil {
			file.Value = m[1]
			return file, true
		}
	}
	return workload.Setting{}, false
}

// flagIn finds --name=value or --name value in the text of a setting.
func flagIn(s workload.Setting, name string) (workload.Setting, bool) {
	_, rest, ok := strings.Cut(s.Value, "--"+name)
	fields := strings.Fields(strings.TrimPrefix(rest, "="))
	if !ok || len(fields) == 0 {
		return s, false
	}
	s.Value = fields[0]
	return s, true
}

// runs reports whether the manifest's command line starts a program, itself
// or from a shell.
func runs(c *workload.Container, program string) bool {
	for _, arg := range c.Args() {
		for _, word := range strings.Fields(arg) {
			if word[strings.LastIndexByte(word, '/')+1:] == program {
				return true
			}
		}
	}
	return false
}

// defaultShutdown knows the frameworks that wait by default, where it is clear that one runs and
// that nothing here overrides it.
func defaultShutdown(c *workload.Container) (shutdown, bool) {
	if s, ok := c.Property("server.shutdown"); ok && strings.EqualFold(s.Value, "graceful") {
		return shutdown{"Spring Boot (by default)", 30, s, findings.Likely}, true
	}
	for _, f := range servers().Shutdown {
		if f.Default > 0 && runs(c, f.Program) && !flagged(c, f.Unless...) && (len(f.With) == 0 || flagged(c, f.With...)) {
			return byCommand(c, f.Name+" (by default)", f.Default), true
		}
	}
	return shutdown{}, false
}

// flagged reports whether a container's command line has one of the flags.
func flagged(c *workload.Container, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { _, _, ok := c.Flag(name); return ok })
}

// byCommand is a server whose command line shows that its default holds.
func byCommand(c *workload.Container, name string, seconds int64) shutdown {
	n := c.Node.Get("command")
	if n == nil {
		n = c.Node.Get("args")
	}
	return shutdown{name, seconds, workload.Setting{Value: strconv.FormatInt(seconds, 10), Object: c.Pod.Object, Node: n}, findings.Likely}
}

var iso = regexp.MustCompile(`(?i)^PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?$`)

// duration reads the forms that the frameworks take: 30, 30s, 1m30s, 500ms,
// PT30S.
func duration(s string, unit time.Duration) (time.Duration, bool) {
	if s == "" {
		return 0, false
	}
	s = strings.TrimSpace(strings.Trim(strings.TrimSpace(s), `"'`))
	if f, err := strconv.ParseFloat(s, 64); err == nil && f >= 0 {
		return time.Duration(f * float64(unit)), true
	}
	if m := iso.FindStringSubmatch(s); m != nil {
		var total float64
		for i, scale := range []float64{3600, 60, 1} {
			if m[i+1] != "" {
				f, _ := strconv.ParseFloat(m[i+1], 64) // digits, by the expression
				total += f * scale
			}
		}
		return time.Duration(total * float64(time.Second)), true
	}
	d, err := time.ParseDuration(s)
	return d, err == nil && d >= 0
}
