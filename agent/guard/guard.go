// Package guard starts the agent's goroutines.
package guard

import "fmt"

// Go starts f in a goroutine of its own; failed is told if it panics. It is the only way in which the
// agent starts one: a panic that nobody recovers ends the process, and with it the hook, which has
// the application stopped at once.
func Go(f func(), failed func(error)) {
	go func() {
		defer func() {
			if cause := recover(); cause != nil {
				failed(fmt.Errorf("panic: %v", cause))
			}
		}()
		f()
	}()
}
