package agent

import (
	"errors"
	"fmt"
	"time"

	"github.com/lameduck-dev/lameduck/agent/guard"
	"github.com/lameduck-dev/lameduck/agent/sockets"
)

// lookEvery is the pause between looks: short beside the shortest quiet window, and a look
// at a common pod costs less than a hundredth of it.
const lookEvery = 25 * time.Millisecond

// costShare bounds the cost of looking where there are very many connections: a pause is that many
// times as long as the look before it, but at most longestPause. A look also takes long while the
// processor is busy with others, which is no reason to look less often.
const (
	costShare    = 10
	longestPause = 250 * time.Millisecond
)

// eyes look at the sockets from a goroutine of their own, so that a hanging system call does not
// hang the sequence. At most one look is under way.
type eyes struct {
	ask     chan struct{}
	looks   chan look
	next    *time.Timer
	started time.Time
}

type look struct {
	sockets.Look
	err error
}

// openEyes starts at once. A look that hangs outlives close, and ends with the process.
func openEyes(source Sockets) *eyes {
	ask, looks := make(chan struct{}, 1), make(chan look, 1)
	e := &eyes{ask: ask, looks: looks, next: time.NewTimer(0)}
	guard.Go(func() {
		for range ask {
			looks <- lookOnce(source)
		}
	}, func(error) {}) // lookOnce recovers by itself; without looks the agent is blind
	return e
}

func lookOnce(source Sockets) (got look) {
	defer func() {
		if cause := recover(); cause != nil {
			got = look{err: fmt.Errorf("panic: %v", cause)}
		}
	}()
	if source == nil {
		return look{err: errors.New("no sockets to look at")}
	}
	found, err := source.Look()
	return look{Look: found, err: err}
}

// start asks for a look; its answer must be handled and done called before the next.
func (e *eyes) start() {
	e.started = time.Now()
	e.ask <- struct{}{}
}

func (e *eyes) done() {
	e.next.Reset(min(max(lookEvery, costShare*time.Since(e.started)), longestPause))
}

// close ends the looking; what was seen last is not told any more.
func (e *eyes) close() {
	e.next.Stop()
	close(e.ask)
	e.looks = nil
}
