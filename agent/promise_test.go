package agent

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/graceful/termination"
)

// sleepGives is when the kubelet sends SIGTERM to a container whose hook is a plain sleep: when that
// ends, or the grace period does. A `sleep 15; nginx -s quit` begins to stop the server then.
func sleepGives(sleep, grace time.Duration) time.Duration { return min(sleep, grace) }

// ending is one termination of a pod without evidence.
type ending struct {
	grace      time.Duration // the real grace period
	configured time.Duration // what the agents are told by --grace
	known      time.Duration // what they go by: the real one where the hub tells it
	hub        confirming    // nil: none
	traffic    pod
	hooks      []ownHook // of the pod's containers; none: one container without
	early      bool      // they run at announce
}

// container is what became of one container.
type container struct {
	own     ownHook
	start   time.Time
	began   time.Duration // its own hook; zero: not at all
	ended   bool          // its own hook, by itself
	sigterm time.Duration
	summary Summary
}

// Run is the container's own hook.
func (c *container) Run(ctx context.Context) (string, error) {
	c.began = time.Since(c.start)
	text, err := c.own.Run(ctx)
	c.ended = ctx.Err() == nil
	return text, err
}

// stop does as the kubelet: it runs the hooks of all containers at once, and cuts them when the grace
// period is over. Each container has its agent; they see the same sockets.
func (e ending) stop(t *testing.T) (containers []*container) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), e.grace)
	defer cancel()
	var agents sync.WaitGroup
	for _, own := range e.hooks {
		containers = append(containers, &container{own: own, start: start})
	}
	if len(e.hooks) == 0 {
		containers = []*container{{start: start}}
	}
	for _, c := range containers {
		traffic := e.traffic
		traffic.start, traffic.takes = start, lookEvery
		parts := Parts{Sockets: &traffic, AtAnnounce: e.early}
		if len(e.hooks) > 0 {
			parts.Hook = c
		}
		if e.hub != nil {
			parts.Hub = &hub{start: start, confirm: e.hub}
		}
		config := Default()
		config.Budget = termination.Default.Split(e.configured)
		agents.Go(func() {
			c.summary, _ = Run(ctx, config, parts)
			c.sigterm = time.Since(start)
		})
	}
	agents.Wait()
	time.Sleep(lookEvery) // for the last look, and own hooks that were cut
	return containers
}

// check holds the containers to the promise.
func (e ending) check(t *testing.T) {
	for _, c := range e.stop(t) {
		for _, sleep := range []time.Duration{10 * s, 15 * s} {
			want := min(sleepGives(sleep, e.grace), e.known-leastStop(e.known))
			if c.sigterm < want {
				t.Errorf("grace %v, configured %v, hooks %v: SIGTERM after %v, sleep %v gives %v\n%s", e.grace, e.configured, e.hooks, c.sigterm, sleep, want, c.summary)
			}
			if c.began > 0 && c.began < want && !e.early {
				t.Errorf("grace %v, configured %v, hooks %v: its own hook began after %v, sleep %v gives %v\n%s", e.grace, e.configured, e.hooks, c.began, sleep, want, c.summary)
			}
		}
		if len(e.hooks) == 0 || e.early || e.known != e.grace {
			continue
		}
		if least := leastHook(e.grace); c.began == 0 || !c.ended && c.summary.HookTook < least {
			t.Errorf("grace %v, configured %v, hooks %v: its own hook began after %v and had %v, want %v\n%s", e.grace, e.configured, e.hooks, c.began, c.summary.HookTook, least, c.summary)
		}
		least := leastStop(e.grace)
		if e.grace < 22*s { // 15 s, the hook's 2 and the application's 5
			least -= leastHook(e.grace)
		}
		if e.grace-c.sigterm < least-hookEnds {
			t.Errorf("grace %v, configured %v, hooks %v: SIGTERM after %v leaves less than %v\n%s", e.grace, e.configured, e.hooks, c.sigterm, least, c.summary)
		}
	}
}

// TestPromise: with no evidence, whatever the hub does, a container is not sent SIGTERM earlier than
// by `sleep 15` (nor by `sleep 10`), and its own hook does not begin earlier, save for the least time
// to stop that the agent leaves and they do not. Everything is tried with everything else, but above
// 40 s, where nothing is short any more, only each tenth grace period: the whole takes too long.
func TestPromise(t *testing.T) {
	refused := errors.New("connection refused")
	unconfirmed := hubapi.ConfirmResponse{Final: true, Evidence: []termination.Evidence{fact(termination.BarrierMissed, "node2")}}
	tell := func(response hubapi.ConfirmResponse, grace time.Duration) confirming {
		response.GraceSeconds = int64(grace / s)
		return says(response, 0)
	}
	always := func(does confirming) func(time.Duration) confirming {
		return func(time.Duration) confirming { return does }
	}
	hubs := []struct {
		name  string
		of    func(grace time.Duration) confirming
		tells bool // the real grace period
	}{
		{"none", always(nil), false},
		{"down", always(fails(refused)), false},
		{"slow", always(hangs), false},
		{"lying", func(grace time.Duration) confirming { return tell(hubapi.ConfirmResponse{Confirmed: true}, grace) }, false},
		{"refusing", always(says(hubapi.ConfirmResponse{Error: "no such pod"}, 0)), false},
		{"final", func(grace time.Duration) confirming { return tell(unconfirmed, grace) }, true},
		{"not yet", func(grace time.Duration) confirming { return tell(hubapi.ConfirmResponse{}, grace) }, true},
		{"half-way gone", func(grace time.Duration) confirming {
			return func(ctx context.Context, now, wait time.Duration) (hubapi.ConfirmResponse, error) {
				if now < grace/4 {
					return tell(hubapi.ConfirmResponse{}, grace)(ctx, now, wait)
				}
				return hubapi.ConfirmResponse{}, refused
			}
		}, true},
	}
	configured := []struct {
		name string
		of   func(grace time.Duration) time.Duration
	}{
		{"as it is", func(grace time.Duration) time.Duration { return grace }},
		{"too long", func(grace time.Duration) time.Duration { return grace + 30*s }}, // kubectl delete --grace-period, or drain
		{"too short", func(grace time.Duration) time.Duration { return (grace/6 + s).Truncate(s) }},
	}
	own := []struct {
		hooks []ownHook
		early bool
	}{
		{nil, false},
		{[]ownHook{{}}, false},
		{[]ownHook{{takes: 3 * s}}, false},
		{[]ownHook{{takes: 3 * s}}, true},
		{[]ownHook{{takes: time.Hour}}, false},
		{[]ownHook{{takes: 300 * ms}, {}, {takes: time.Hour}}, false},
	}
	traffic := map[string]pod{"none": {}, "endless": {every: 500 * ms, until: time.Hour}, "unseen": {err: refused}}
	for _, h := range hubs {
		for _, c := range configured {
			t.Run(h.name+", configured "+c.name, func(t *testing.T) {
				t.Parallel()
				for grace := s; grace <= 120*s; grace += s {
					if grace > 40*s && grace%(10*s) != 0 {
						continue
					}
					for _, o := range own {
						for _, p := range traffic {
							e := ending{grace: grace, configured: c.of(grace), hub: h.of(grace), traffic: p, hooks: o.hooks, early: o.early}
							if e.known = e.configured; h.tells {
								e.known = grace
							}
							synctest.Test(t, e.check)
						}
					}
				}
			})
		}
	}
}

// TestGuarded: no goroutine of the agent is started in another way than by guard.Go. A panic that nobody recovers would end the hook, and the application with it.
func TestGuarded(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || path == filepath.Join("guard", "guard.go") {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if _, bare := n.(*ast.GoStmt); bare {
				t.Errorf("%s: a goroutine that guard.Go does not start", set.Position(n.Pos()))
			}
			if call, ok := n.(*ast.CallExpr); ok {
				f, ok := call.Fun.(*ast.SelectorExpr)
				if !ok || f.Sel.Name != "Go" {
					return true
				}
				if from, ok := f.X.(*ast.Ident); !ok || from.Name != "guard" {
					t.Errorf("%s: a goroutine that guard.Go does not start", set.Position(n.Pos()))
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
