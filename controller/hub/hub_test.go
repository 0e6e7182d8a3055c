package hub

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestForgetsThePodsThatAreGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		for i := range 20 {
			name := fmt.Sprint("p", i)
			s.add(name)
			s.terminate(name)
			s.confirm(name, 0)
			s.hub.Gone("uid-" + name)
			s.hub.Gone("uid-" + name)
		}
		time.Sleep(2 * keep)
		s.hub.mu.Lock()
		defer s.hub.mu.Unlock()
		if len(s.hub.terminations) != 0 {
			t.Errorf("%d terminations are kept", len(s.hub.terminations))
		}
	})
}
