//go:build go1.25

package graceful

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// diary is what happened when.
type diary struct {
	mu    sync.Mutex
	begin time.Time
	lines []string
}

func newDiary() *diary { return &diary{begin: time.Now()} }

func (d *diary) add(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf("%v %s", time.Since(d.begin), fmt.Sprintf(format, args...)))
}

func (d *diary) restart() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.begin = time.Now()
}

func (d *diary) text() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.lines, "\n")
}

// pretender is a Server that needs so long for each step.
type pretender struct {
	*diary
	lameDuck, drain time.Duration
	stopped         chan struct{}
}

func (d *diary) server(lameDuck, drain time.Duration) *pretender {
	return &pretender{d, lameDuck, drain, make(chan struct{})}
}

func (p *pretender) Serve() error { <-p.stopped; return nil }

func (p *pretender) LameDuck(ctx context.Context) {
	p.add("lame duck")
	sleep(ctx, p.lameDuck)
}

func (p *pretender) Drain(ctx context.Context) error {
	p.add("drain")
	sleep(ctx, p.drain)
	close(p.stopped)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// stopped runs a group with a diary, stops it after a second, and gives its error and its line in the log.
func stopped(t *testing.T, g *Group, d *diary) (string, error) {
	t.Helper()
	unsetenv(t)
	var log bytes.Buffer
	g.Signals = []os.Signal{}
	g.Logger = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		switch {
		case a.Key == slog.TimeKey:
			return slog.Attr{}
		case a.Value.Kind() == slog.KindDuration:
			return slog.String(a.Key, a.Value.Duration().String())
		}
		return a
	}}))
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(time.Second, func() {
		d.restart()
		cancel(errors.New("the test stops it"))
	})
	err := g.Run(ctx)
	return strings.TrimSpace(log.String()), err
}

func TestPhases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDiary()
		var g Group
		g.Wait = 2 * s
		g.Add("web", d.server(3*s, s))
		g.Add("admin", d.server(0, 0))
		g.Go("queue", func(ctx context.Context) error {
			<-ctx.Done()
			d.add("worker: %v", context.Cause(ctx))
			time.Sleep(s)
			return ctx.Err()
		})
		g.Go("once", func(context.Context) error { return nil })
		for _, name := range []string{"database", "cache"} {
			g.Defer(name, func(context.Context) error { d.add("closer %s", name); return nil })
		}
		log, err := stopped(t, &g, d)
		if err != nil {
			t.Error(err)
		}
		const wantLog = `{"level":"INFO","msg":"stopped","cause":"the test stops it","in_flight":0,` +
			`"finished":["web","admin","streams","worker queue","worker once","closer cache","closer database"],` +
			`"took":{"total":"5s","lame duck":"3s","drain":"1s","workers":"1s","closers":"0s"}}`
		if log != wantLog {
			t.Errorf("log\n%s\nwant\n%s", log, wantLog)
		}
		const want = "0s lame duck\n0s lame duck\n3s drain\n3s drain\n4s worker: graceful: stopping the workers: the test stops it\n5s closer cache\n5s closer database"
		if got := d.text(); got != want {
			t.Errorf("happened\n%s\nwant\n%s", got, want)
		}
	})
}

// TestDeadlines: nothing that hangs keeps the group beyond its grace period, and each is told of.
func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDiary()
		release := make(chan struct{})
		defer close(release)
		g := Group{Grace: 10 * s}
		g.Add("web", d.server(time.Hour, time.Hour))
		g.Go("queue", func(context.Context) error { <-release; return nil })
		g.Defer("database", func(ctx context.Context) error { d.add("database"); return nil })
		g.Defer("cache", func(ctx context.Context) error { d.add("cache"); <-release; return nil })
		g.Stream(func() {})
		log, err := stopped(t, &g, d)
		for _, want := range []string{
			`web: graceful: the phase "drain" has used up its 2.7s: the test stops it`,
			"streams: 1 streams were told to end and have not",
			`worker queue has not finished: graceful: the phase "workers" has used up its 900ms`,
			`closer cache has not finished: graceful: the phase "closers" has used up its 450ms`,
		} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v\nwant %q", err, want)
			}
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v is no deadline", err)
		}
		const wantTook = `"took":{"total":"8.55s","lame duck":"4.5s","drain":"2.7s","workers":"900ms","closers":"450ms"}`
		if !strings.Contains(log, wantTook) || !strings.Contains(log, `"level":"WARN"`) {
			t.Errorf("log\n%s\nwant\n%s", log, wantTook)
		}
		const want = "0s lame duck\n4.5s drain\n8.1s cache\n8.55s database"
		if got := d.text(); got != want {
			t.Errorf("happened\n%s\nwant\n%s", got, want)
		}
	})
}

// TestFailureStopsTheGroup: a worker's error ends all, without the wait for routers.
func TestFailureStopsTheGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDiary()
		g := Group{Wait: time.Hour, Signals: []os.Signal{}, Logger: slog.New(slog.DiscardHandler)}
		broken := errors.New("broken")
		g.Add("web", d.server(0, s))
		g.Go("queue", func(context.Context) error { time.Sleep(s); return broken })
		g.Defer("cache", func(context.Context) error { d.add("cache"); return nil })
		err := g.Run(t.Context())
		if !errors.Is(err, broken) || strings.Count(err.Error(), "broken") > 2 {
			t.Errorf("error %v, want %v", err, broken)
		}
		if got, want := d.text(), "1s lame duck\n1s drain\n2s cache"; got != want {
			t.Errorf("happened\n%s\nwant\n%s", got, want)
		}
		if err := g.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "has run already") {
			t.Errorf("a second run: %v", err)
		}
	})
}

func TestStreamsEndSpreadOverTime(t *testing.T) {
	for _, tt := range []struct {
		name   string
		n      int
		spread time.Duration
		last   time.Duration // is told then
	}{
		{"none", 0, 0, 0},
		{"one", 1, 0, 0},
		{"a few", 5, 0, 4 * streamPace},
		{"many in a quarter of the time", 10000, 0, 2*s - 200*time.Microsecond},
		{"many in the time that was asked for", 10000, 4 * s, 4*s - 400*time.Microsecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var g Group
				told := make(chan time.Time, tt.n)
				begin := time.Now()
				for range tt.n {
					var done func()
					done = g.Stream(func() { told <- time.Now(); done() })
				}
				ctx, cancel := context.WithTimeout(t.Context(), 8*s)
				defer cancel()
				if err := g.streams.endAll(ctx, tt.spread); err != nil {
					t.Error(err)
				}
				synctest.Wait()
				close(told)
				var last time.Duration
				n := 0
				for at := range told {
					last, n = max(last, at.Sub(begin)), n+1
				}
				if last != tt.last || n != tt.n {
					t.Errorf("%d were told, the last after %v, want %d, %v", n, last, tt.n, tt.last)
				}
				late := false
				g.Stream(func() { late = true })
				synctest.Wait()
				if !late {
					t.Error("a stream that came later was not told")
				}
			})
		})
	}
}
