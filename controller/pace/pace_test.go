package pace

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestPacesForgetWhoIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New[int](1, 2)
		for who := range most {
			p.Allow(who)
		}
		if p.Allow(-1) {
			t.Error("more are remembered than may be")
		}
		if p.Allow(0); p.Allow(0) {
			t.Error("three at once")
		}
		time.Sleep(time.Second)
		if !p.Allow(-1) {
			t.Error("who was quiet is not forgotten")
		}
		if p.Allow(0); p.Allow(0) {
			t.Error("who was not quiet is forgotten")
		}
	})
}
