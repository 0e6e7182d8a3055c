package barrier

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Written is when the write was made, as far as is known. Where its answer was lost, and it was found done long
// after, another is made: at which version it was made is not known.
func TestWrittenIsWhenItWasMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		nodes := []Node{w.addProxy(0, false)}
		ctx, b := start(t, w, nodes)
		time.Sleep(10 * time.Second)
		w.mu.Lock()
		var made time.Time
		w.mislay = func() error {
			if made.IsZero() {
				made = time.Now()
				return errors.New("the answer is lost")
			}
			return nil
		}
		w.refuse = func() error {
			if !made.IsZero() && time.Since(made) < 12*time.Second {
				return errors.New("connection refused")
			}
			return nil
		}
		w.mu.Unlock()
		version := w.change("shop/cart")
		for _, v := range b.Pass(ctx, Change{ResourceVersion: version}) {
			w.mu.Lock()
			last := w.log[v.Version-1]
			w.mu.Unlock()
			if late := v.Written.Sub(made); !v.Passed || v.Version <= version+1 || last.era == 0 || v.Time.Before(v.Written) {
				t.Errorf("%s: passed %t by write %d, the lost one was made at 0 s, Written says %v, Time %v", v.Node, v.Passed, v.Version, late, v.Time.Sub(made))
			}
		}
	})
}
