package verify

import "time"

// pacer is the schedule of a lane: request n is intended to start at At(n) after the start of the
// load. It has no clock; a late request never delays those after it.
type pacer struct {
	rate   float64       // requests per second
	offset time.Duration // of request 0; staggers lanes that run side by side
}

// At is the intended start of request n, from the start of the load.
func (p pacer) At(n int64) time.Duration {
	return p.offset + time.Duration(float64(n)*float64(time.Second)/p.rate)
}

// Wait is how long to wait, at the time elapsed since the start of the load, until request n is
// due: zero or less when it is due already.
func (p pacer) Wait(elapsed time.Duration, n int64) time.Duration {
	return p.At(n) - elapsed
}
