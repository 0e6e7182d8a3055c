package spring

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// parseProperties reads a Java properties file, in which #--- begins a new document.
func parseProperties(text string, profiles []string) source {
	all, document := source{}, source{}
	pending := ""
	end := func() {
		all.merge(document, profiles)
		document = source{}
	}
	for line := range strings.Lines(text) {
		line = pending + strings.TrimLeft(strings.TrimRight(line, "\r\n"), " \t\f")
		pending = ""
		switch {
		case strings.HasPrefix(line, "#---"), strings.HasPrefix(line, "!---"):
			end()
			continue
		case line == "", line[0] == '#', line[0] == '!':
			continue
		case strings.HasSuffix(line, `\`) && !strings.HasSuffix(line, `\\`):
			pending = strings.TrimSuffix(line, `\`)
			continue
		}
		name, value := line, ""
		if i := strings.IndexAny(line, "=:"); i >= 0 {
			name, value = line[:i], line[i+1:]
		}
		document[plain(strings.TrimSpace(name))] = unescape.Replace(strings.TrimSpace(value))
	}
	end()
	return all
}

var unescape = strings.NewReplacer(`\\`, `\`, `\:`, ":", `\=`, "=", `\#`, "#", `\!`, "!", `\ `, " ")

// parseYAML reads the documents of a YAML file; everything after a broken one is lost.
func parseYAML(text string, profiles []string) source {
	all := source{}
	for decoder := yaml.NewDecoder(strings.NewReader(text)); ; {
		var tree any
		if decoder.Decode(&tree) != nil {
			return all
		}
		document := source{}
		document.flatten("", tree)
		all.merge(document, profiles)
	}
}

// flatten makes one name of a path. Lists of plain values become one value with commas, as
// Spring binds them to a list.
func (s source) flatten(prefix string, tree any) {
	switch value := tree.(type) {
	case map[string]any:
		for name, below := range value {
			s.flatten(prefix+name+".", below)
		}
	case map[any]any:
		for name, below := range value {
			s.flatten(prefix+fmt.Sprint(name)+".", below)
		}
	case []any:
		var all []string
		for _, one := range value {
			all = append(all, fmt.Sprint(one))
		}
		s[plain(prefix)] = strings.Join(all, ",")
	case nil:
	default:
		s[plain(prefix)] = fmt.Sprint(value)
	}
}

// merge adds a document to those before it, if it holds for the active profiles.
func (s source) merge(document source, profiles []string) {
	for _, condition := range []string{"spring.config.activate.on-profile", "spring.profiles"} {
		if wanted, found := document[plain(condition)]; found && !holds(wanted, profiles) {
			return
		}
	}
	if platform, found := document[plain("spring.config.activate.on-cloud-platform")]; found && !strings.EqualFold(platform, "kubernetes") {
		return
	}
	for name, value := range document {
		s[name] = value
	}
}

// holds reads a list of profiles and of !profiles. Expressions with & and | are not supported, and
// do not hold.
func holds(wanted string, profiles []string) bool {
	return slices.ContainsFunc(list(wanted), func(one string) bool {
		if other, not := strings.CutPrefix(one, "!"); not {
			return !slices.Contains(profiles, other)
		}
		return slices.Contains(profiles, one)
	})
}
