// Package guard starts the agent's goroutines, so that a panic in one does not end the hook.
package guard

import "fmt"

// Go starts f in a goroutine of its own; failed is called if it panics. The agent starts goroutines
// in no other way: an unrecovered panic ends the process, and with it the hook, and the application
// is stopped at once.
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
