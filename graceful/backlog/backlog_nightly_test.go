//go:build nightly && linux

package backlog

import (
	"net"
	"testing"
)

// TestWhatClosingResets has the figures that docs/graceful.md quotes.
func TestWhatClosingResets(t *testing.T) {
	const times = 100
	reset := func(name string, listen func() (net.Listener, error), end func(net.Listener) error) int64 {
		n := closeUnder(t, times, listen, end).reset.Load()
		t.Logf("%s: %d closes, %d requests were reset", name, times, n)
		return n
	}
	if reset("Close", listenPlain, net.Listener.Close) == 0 {
		t.Error("Close reset nothing: this load shows nothing")
	}
	reset("Drain of a listener with Multipath TCP, by looks alone", func() (net.Listener, error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		return New(l), err
	}, drain)
	if n := reset("Drain", listenPlain, drain); n > 0 {
		t.Errorf("Drain reset %d", n)
	}
}
