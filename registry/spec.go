package registry

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/lameduck-dev/lameduck/registry/caches"
)

// Spec names one service in one registry. Its text form is the same in a flag, an annotation
// and a policy:
//
//	nacos server=nacos-0:8848,nacos-1:8848 service=orders password-env=NACOS_PASSWORD
//
// It never holds credentials, only the names of variables and files that do.
type Spec struct {
	Kind    string
	facts   *Kind // nil: of a text that was not understood
	values  map[string]string
	secrets map[string]string // given by WithSecret
	from    Secrets           // of the others
}

// maxSpec bounds a spec's text, in bytes.
const maxSpec = 8 << 10

// ParseSpec reads the text of a spec of one of the kinds. Values with spaces are put in double quotes, within which
// \" and \\ stand for the characters themselves.
func (all Kinds) ParseSpec(text string) (Spec, error) {
	if len(text) > maxSpec {
		return Spec{}, fmt.Errorf("registry: %d bytes long, at most %d are taken", len(text), maxSpec)
	}
	words, err := split(text)
	if err != nil {
		return Spec{}, fmt.Errorf("registry %q: %w", text, err)
	}
	if len(words) == 0 {
		return Spec{}, fmt.Errorf("registry: nothing is given; write it as in: nacos server=nacos:8848 service=orders")
	}
	kind, err := all.Lookup(words[0])
	if err != nil {
		return Spec{}, err
	}
	spec := Spec{Kind: kind.Name, facts: &kind, values: map[string]string{}}
	for _, word := range words[1:] {
		key, value, found := strings.Cut(word, "=")
		switch {
		case !found:
			return Spec{}, fmt.Errorf("registry %s: %q is not key=value", kind.Name, word)
		case !kind.knows(key):
			return Spec{}, fmt.Errorf("registry %s: no key %q: there are %s", kind.Name, key, kind.keyNames())
		case spec.Get(key) != "":
			return Spec{}, fmt.Errorf("registry %s: %s is given twice", kind.Name, key)
		}
		if err := spec.set(key, value); err != nil {
			return Spec{}, err
		}
	}
	return spec, nil
}

func (k Kind) keyNames() string {
	var names []string
	for _, key := range k.Keys {
		names = append(names, key.Name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// split cuts a text at its blanks, but for those between quotes.
func split(text string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord, quoted, escaped := false, false, false
	for _, r := range text {
		switch {
		case r == unicode.ReplacementChar || unicode.IsControl(r) && !unicode.IsSpace(r):
			return nil, fmt.Errorf("it holds a character that cannot be printed")
		case escaped:
			word.WriteRune(r)
			escaped = false
		case quoted && r == '\\':
			escaped = true
		case r == '"':
			quoted, inWord = !quoted, true
		case !quoted && unicode.IsSpace(r):
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quoted {
		return nil, fmt.Errorf("a quote is not closed")
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

// set checks the values whose form is the same wherever they are used.
func (s Spec) set(key, value string) error {
	var err error
	switch key {
	case "port":
		var port uint64
		if port, err = strconv.ParseUint(value, 10, 16); err != nil || port == 0 {
			err = fmt.Errorf("not a port from 1 to 65535")
		}
	case "stale", "quiet", "timeout":
		var d time.Duration
		if d, err = time.ParseDuration(value); err != nil || d <= 0 || d > maxDuration {
			err = fmt.Errorf("not a time from 1ms to %v, as in 45s", maxDuration)
		}
	case "ip":
		if _, err = netip.ParseAddr(value); err != nil {
			err = fmt.Errorf("not an IP address")
		}
	case "ephemeral":
		if _, err = strconv.ParseBool(value); err != nil {
			err = fmt.Errorf("not true or false")
		}
	default:
		if value == "" {
			err = fmt.Errorf("it is empty")
		}
	}
	if err != nil {
		return fmt.Errorf("registry %s: %s=%s: %w", s.Kind, key, value, err)
	}
	s.values[key] = value
	return nil
}

// maxDuration is longer than any cache or call that a stop could wait for.
const maxDuration = time.Hour

// Get gives a value; empty if it is not set.
func (s Spec) Get(key string) string { return s.values[key] }

// Or gives a value, or else what is given.
func (s Spec) Or(key, otherwise string) string {
	if value := s.values[key]; value != "" {
		return value
	}
	return otherwise
}

// List gives a value that is separated by commas.
func (s Spec) List(key string) []string {
	var list []string
	for one := range strings.SplitSeq(s.values[key], ",") {
		if one = strings.TrimSpace(one); one != "" {
			list = append(list, one)
		}
	}
	return list
}

// Duration gives a value of time, or else what is given.
func (s Spec) Duration(key string, otherwise time.Duration) time.Duration {
	if d, err := time.ParseDuration(s.values[key]); err == nil {
		return d
	}
	return otherwise
}

// Port gives the instance's port; zero if it is not set.
func (s Spec) Port() uint16 {
	port, _ := strconv.ParseUint(s.values["port"], 10, 16) // checked by set
	return uint16(port)
}

// With gives a copy in which one value is set. An empty value unsets it.
func (s Spec) With(key, value string) Spec {
	values := maps.Clone(s.values)
	if values == nil {
		values = map[string]string{}
	}
	values[key] = value
	if value == "" {
		delete(values, key)
	}
	s.values = values
	return s
}

// Fill gives a copy with a value that was found, checked like one that is written. A username,
// password or token is kept as a secret.
func (s Spec) Fill(key, value string) (Spec, error) {
	switch key {
	case "username", "password", "token":
		return s.WithSecret(key, value), nil
	}
	filled := s.With(key, "")
	return filled, filled.set(key, value)
}

// IsZero reports whether it names nothing.
func (s Spec) IsZero() bool { return s.Kind == "" }

// Name is its short name in events and errors, as in "nacos orders".
func (s Spec) Name() string {
	return strings.TrimSpace(s.Kind + " " + s.values["service"])
}

// Stale is for how long a consumer may go on by what it cached.
func (s Spec) Stale() time.Duration { return s.Duration("stale", s.kind().Caches.Most) }

// Fresh is for how long a consumer may go on once the servers' own caches are right. A given stale=
// counts as what the consumers themselves cache.
func (s Spec) Fresh() time.Duration {
	if s.Get("stale") != "" {
		return s.Stale()
	}
	return s.Stale() - s.kind().Served
}

// Quiet is the least silence that shows that no consumer goes on.
func (s Spec) Quiet() time.Duration { return s.Duration("quiet", caches.Quiet) }

// Lag is how long its live views take to show a withdrawal.
func (s Spec) Lag() time.Duration { return s.kind().Lag }

// Settings are those of its kind.
func (s Spec) Settings() Settings { return s.kind().Settings }

// InPod reports whether it is of a kind that is the application itself.
func (s Spec) InPod() bool { return s.kind().InPod }

func (s Spec) kind() Kind {
	if s.facts == nil { // as careful as for most
		return Kind{Caches: caches.Spring}
	}
	k := *s.facts
	if behind, err := k.Behind.Lookup(s.values["backend"]); err == nil {
		k.Caches, k.Lag = behind.Caches, behind.Lag
	}
	return k
}

// String is the text that ParseSpec reads, its keys in a fixed order.
func (s Spec) String() string {
	var out strings.Builder
	out.WriteString(s.Kind)
	for _, key := range slices.Sorted(maps.Keys(s.values)) {
		out.WriteString(" " + key + "=" + Quote(s.values[key]))
	}
	return out.String()
}

var escape = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// Quote writes a value as ParseSpec reads it.
func Quote(value string) string {
	if strings.ContainsFunc(value, unicode.IsSpace) || strings.ContainsAny(value, `"`) {
		return `"` + escape.Replace(value) + `"`
	}
	return value
}
