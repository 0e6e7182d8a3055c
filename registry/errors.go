package registry

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// Errors that a caller may have to tell apart. Each comes wrapped, with place and remedy in one
// line.
var (
	// ErrNotFound says that the service has no instance of this pod: nothing is written.
	ErrNotFound = errors.New("not registered")
	// ErrNoService says that the registry has no such service at all, which is more often a
	// wrong name than a pod that was never registered: nothing is written.
	ErrNoService = errors.New("no such service")
	// ErrIn says that a server node still shows the instance to consumers.
	ErrIn = errors.New("still in")
	// ErrDenied says that the registry does not accept the credentials. Trying again could lock
	// the account, and would not help.
	ErrDenied = errors.New("access denied")
)

// Gone reports whether an error says that there is no instance of the pod.
func Gone(err error) bool { return errors.Is(err, ErrNotFound) || errors.Is(err, ErrNoService) }

// maxThere bounds how many addresses an error lists.
const maxThere = 5

// NotFound is ErrNotFound with what was looked for, and what there is instead.
func NotFound(wanted, where string, there []string) error {
	if len(there) == 0 {
		return fmt.Errorf("%w: %s has no instance", ErrNotFound, where)
	}
	list := strings.Join(there[:min(len(there), maxThere)], ", ")
	if more := len(there) - maxThere; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Errorf("%w: %s is none of the instances of %s: %s", ErrNotFound, wanted, where, list)
}

// NoService is ErrNoService with the place where the service was looked for.
func NoService(where string) error {
	return fmt.Errorf("%w: %s; its name is case-sensitive, and its group and namespace count", ErrNoService, where)
}

// In is ErrIn with the server node that says so.
func In(address, node string) error {
	return fmt.Errorf("%w: %s shows %s to consumers", ErrIn, node, address)
}

// oneLine makes one bounded line of what may hold a server's answer.
func oneLine(text string) string {
	text = strings.Join(strings.FieldsFunc(text, unicode.IsControl), " ")
	if len(text) > maxDetail {
		text = strings.ToValidUTF8(text[:maxDetail], "") + "…"
	}
	return text
}
