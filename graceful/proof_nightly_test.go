//go:build nightly

package graceful

import "testing"

// TestManyRestartsLoseNothing is the proof whose figures docs/graceful.md quotes. The control is the same
// server, stopped by http.Server.Shutdown alone.
func TestManyRestartsLoseNothing(t *testing.T) {
	for protocol, lost := range prove(t, "graceful", 200, 200_000) {
		if lost > 0 {
			t.Errorf("%s: lost %d", protocol, lost)
		}
	}
	for protocol, lost := range prove(t, "shutdown", 200, 200_000) {
		if lost == 0 {
			t.Errorf("%s: http.Server.Shutdown lost nothing: this load shows nothing", protocol)
		}
	}
}
