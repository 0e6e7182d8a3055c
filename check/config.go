package check

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/lameduck-dev/lameduck/report/findings"
)

// Config is the file .lameduck.yaml: what a team has decided for all its
// manifests.
type Config struct {
	KubernetesVersion string           `json:"kubernetesVersion"`
	FailOn            string           `json:"failOn"`
	Rules             map[string]Level `json:"rules"`
	Ignore            []Ignore         `json:"ignore"`
}

// Level is what a team makes of a rule: off, info, warning or error.
type Level string

// UnmarshalJSON reads a level; YAML turns an unquoted off into false.
func (l *Level) UnmarshalJSON(text []byte) error {
	if s := string(text); s == "false" || s == `"false"` {
		*l = off
		return nil
	}
	return json.Unmarshal(text, (*string)(l))
}

// Ignore suppresses a rule where file and object match; both are patterns of
// path.Match, a file also by its last element, and empty ones match all.
type Ignore struct {
	Rule   string `json:"rule"`
	File   string `json:"file"`
	Object string `json:"object"` // as findings print it: Deployment shop/web
	Reason string `json:"reason"`
}

const off = "off"

// ParseConfig reads a config file; unknown keys, unknown rules and ignores
// without a reason are errors.
func ParseConfig(text []byte, rules []*Rule) (*Config, error) {
	var c Config
	if err := yaml.UnmarshalStrict(text, &c); err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "error unmarshaling JSON: while decoding JSON: json: "))
	}
	for name, level := range c.Rules {
		if _, err := FindRule(rules, name); err != nil {
			return nil, err
		}
		var s findings.Severity
		if err := s.UnmarshalText([]byte(level)); err != nil && level != off {
			return nil, fmt.Errorf("rule %s: %w, off", name, err)
		}
	}
	for i, each := range c.Ignore {
		if _, err := FindRule(rules, each.Rule); err != nil {
			return nil, fmt.Errorf("ignore %d: %w", i+1, err)
		}
		if strings.TrimSpace(each.Reason) == "" {
			return nil, fmt.Errorf("ignore %d (%s): a reason is required", i+1, each.Rule)
		}
		for _, pattern := range []string{each.File, each.Object} {
			if _, err := path.Match(pattern, ""); err != nil {
				return nil, fmt.Errorf("ignore %d (%s): pattern %q: %w", i+1, each.Rule, pattern, err)
			}
		}
	}
	return &c, nil
}

// apply turns a draft into a finding, with the team's severity, and reports
// whether it is suppressed.
func (c *Config) apply(d *Draft) (f findings.Finding, suppressed bool) {
	f = d.finding()
	if d.ignored() {
		return f, true
	}
	if c == nil {
		return f, false
	}
	if level := c.Rules[f.Rule]; level == off {
		return f, true
	} else if level != "" {
		// ParseConfig has checked the name.
		_ = f.Severity.UnmarshalText([]byte(level))
	}
	for _, each := range c.Ignore {
		if each.Rule == f.Rule && matches(each.File, f.File) && matches(each.Object, f.Object) {
			return f, true
		}
	}
	return f, false
}

func matches(pattern, s string) bool {
	if pattern == "" {
		return true
	}
	whole, _ := path.Match(pattern, s)
	last, _ := path.Match(pattern, path.Base(s))
	return whole || last
}
