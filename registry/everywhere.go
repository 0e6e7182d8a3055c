package registry

import (
	"errors"
	"fmt"
	"sync"
)

// Everywhere asks all server nodes at the same time. A node that still shows the instance
// decides, whatever the others say; else every node that could not be asked is named.
func Everywhere(nodes []string, ask func(node string) error) error {
	errs := make([]error, len(nodes))
	var all sync.WaitGroup
	for i, node := range nodes {
		all.Go(func() { errs[i] = ask(node) })
	}
	all.Wait()
	for _, err := range errs {
		if errors.Is(err, ErrIn) {
			return err
		}
	}
	return OneOf(errs)
}

// Anywhere asks one server node after the other until one can answer. Credentials, services and
// instances are the same for all of them, so an answer about these ends it, too.
func Anywhere(nodes []string, ask func(node string) error) error {
	var errs []error
	for _, node := range nodes {
		err := ask(node)
		if err == nil || errors.Is(err, ErrDenied) || errors.Is(err, ErrNotFound) || errors.Is(err, ErrNoService) || errors.Is(err, ErrIn) {
			return err
		}
		errs = append(errs, err)
	}
	return OneOf(errs)
}

// OneOf is one line for all of the errors, of which any may be nil.
func OneOf(errs []error) error {
	var all error
	for _, err := range errs {
		switch {
		case all == nil:
			all = err
		case err != nil:
			all = fmt.Errorf("%w; %w", all, err)
		}
	}
	return all
}
