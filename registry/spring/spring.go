// Package spring finds what a Spring Boot application is configured with, by looking where
// Spring looks: its command line, its environment, its files and those in its jar. So a
// registry's kind alone is a complete spec for most of them.
package spring

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Process is the application as the operating system shows it.
type Process struct {
	Dir  string   // its working directory
	Args []string // its command line
	Env  []string // NAME=value
}

// Main is the container's main process, and the environment that its hooks share with it.
// What cannot be read is taken to be empty.
func Main() Process {
	p := Process{Dir: "/proc/1/cwd", Env: os.Environ()}
	if text, err := os.ReadFile("/proc/1/cmdline"); err == nil {
		p.Args = strings.Split(strings.TrimRight(string(text), "\x00"), "\x00")
	}
	return p
}

// Application is what an application is configured with.
type Application struct {
	sources []source // the strongest first
}

// source is one place in which settings are, by their plain names.
type source map[string]string

// Read looks in all the places. The profiles that are active decide which files count.
func Read(p Process) *Application {
	a := &Application{}
	args, system := p.commandLine()
	env := p.environment()
	system.addOptions(env[plain("JAVA_TOOL_OPTIONS")])
	system.addOptions(env[plain("JDK_JAVA_OPTIONS")])
	outside := []source{args, {}, system, env}
	a.sources = outside
	if text, ok := a.Property("spring.application.json"); ok {
		outside[1] = parseYAML(text, nil) // JSON is YAML
	}
	files := p.files(a)
	a.sources = append(slices.Clone(outside), load(files, nil)...)
	if text, ok := a.Property("spring.profiles.active"); ok {
		a.sources = append(slices.Clone(outside), load(files, list(text))...)
	}
	return a
}

// commandLine reads --name=value, which is Spring's, and -Dname=value, which is Java's.
func (p Process) commandLine() (args, system source) {
	args, system = source{}, source{}
	for _, arg := range p.Args {
		if text, is := strings.CutPrefix(arg, "--"); is {
			args.add(text)
		}
		system.addOptions(arg)
	}
	return args, system
}

func (p Process) environment() source {
	env := source{}
	for _, variable := range p.Env {
		env.add(variable)
	}
	return env
}

func (s source) add(text string) {
	if name, value, found := strings.Cut(text, "="); found {
		s[plain(name)] = value
	}
}

func (s source) addOptions(text string) {
	for word := range strings.FieldsSeq(text) {
		if option, is := strings.CutPrefix(word, "-D"); is {
			s.add(option)
		}
	}
}

// plain drops from a name what Spring's relaxed binding ignores, so that SPRING_APPLICATION_NAME
// and spring.application.name are the same.
func plain(name string) string {
	return strings.ToLower(strings.NewReplacer(".", "", "-", "", "_", "").Replace(name))
}

// maxFills bounds placeholders within placeholders.
const maxFills = 100

// Property looks a setting up and fills in its placeholders. One that can't be filled in, such
// as ${random.value}, makes the setting unknown.
func (a *Application) Property(name string) (string, bool) {
	left := maxFills
	return a.property(name, &left)
}

func (a *Application) property(name string, left *int) (string, bool) {
	for _, s := range a.sources {
		if text, found := s[plain(name)]; found {
			value, known := a.fill(text, left)
			return strings.TrimSpace(value), known
		}
	}
	return "", false
}

// fill replaces ${name} and ${name:otherwise}.
func (a *Application) fill(text string, left *int) (string, bool) {
	var out strings.Builder
	for {
		start := strings.Index(text, "${")
		if start < 0 {
			out.WriteString(text)
			return out.String(), true
		}
		end := closing(text, start)
		if *left--; end < 0 || *left < 0 {
			return "", false
		}
		name, otherwise, has := strings.Cut(text[start+2:end], ":")
		value, found := a.property(name, left)
		if !found && has {
			value, found = a.fill(otherwise, left)
		}
		if !found {
			return "", false
		}
		out.WriteString(text[:start] + value)
		text = text[end+1:]
	}
}

// closing finds the brace that closes the placeholder that begins at start.
func closing(text string, start int) int {
	depth := 0
	for i := start; i < len(text); i++ {
		switch {
		case strings.HasPrefix(text[i:], "${"):
			depth++
		case text[i] == '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

func list(text string) []string {
	var all []string
	for one := range strings.SplitSeq(text, ",") {
		if one = strings.TrimSpace(one); one != "" {
			all = append(all, one)
		}
	}
	return all
}

func (p Process) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(p.Dir, name)
}
