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
	"testing"
	"testing/synctest"
	"time"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/graceful/termination"
)

// sleepGives is when the kubelet sends SIGTERM to a container whose hook is a plain sleep: when that
// ends, or the grace period does.
func sleepGives(sleep, grace time.Duration) time.Duration { return min(sleep, grace) }

// TestPromise: with no evidence, whatever the hub does, a container is not sent SIGTERM earlier than
// by `sleep 15` (nor by `sleep 10`), save for the least time to stop that the agent leaves and they
// do not.
func TestPromise(t *testing.T) {
	refused := errors.New("connection refused")
	tell := func(response hubapi.ConfirmResponse, grace time.Duration) hubapi.ConfirmResponse {
		response.GraceSeconds = int64(grace / s)
		return response
	}
	hubs := map[string]func(real time.Duration) confirming{
		"none": nil,
		"down": func(time.Duration) confirming { return fails(refused) },
		"slow": func(time.Duration) confirming { return hangs },
		"lying": func(real time.Duration) confirming {
			return says(tell(hubapi.ConfirmResponse{Confirmed: true}, real), 0)
		},
		"refusing": func(time.Duration) confirming { return says(hubapi.ConfirmResponse{Error: "no such pod"}, 0) },
		"final": func(real time.Duration) confirming {
			return says(tell(hubapi.ConfirmResponse{Final: true, Evidence: []termination.Evidence{fact(termination.BarrierMissed, "node2")}}, real), 0)
		},
		"not yet": func(real time.Duration) confirming { return says(tell(hubapi.ConfirmResponse{}, real), 0) },
		"half-way gone": func(real time.Duration) confirming {
			return func(ctx context.Context, now, wait time.Duration) (hubapi.ConfirmResponse, error) {
				if now < real/4 {
					return says(tell(hubapi.ConfirmResponse{}, real), 0)(ctx, now, wait)
				}
				return hubapi.ConfirmResponse{}, refused
			}
		},
	}
	hooks := []struct {
		hook  Hook
		early bool
	}{{nil, false}, {ownHook{takes: 3 * s}, false}, {ownHook{takes: 3 * s}, true}, {ownHook{takes: time.Hour}, false}}
	for name, hubOf := range hubs {
		t.Run(name, func(t *testing.T) {
			for n := range 120 {
				real := time.Duration(n+1) * s
				configured := real
				if n%3 == 1 { // kubectl delete --grace-period, or drain
					configured = real + 30*s
				}
				own := hooks[n%len(hooks)]
				synctest.Test(t, func(t *testing.T) {
					start := time.Now()
					parts := Parts{Sockets: &pod{start: start}, Hook: own.hook, AtAnnounce: own.early}
					if hubOf != nil {
						parts.Hub = &hub{start: start, confirm: hubOf(real)}
					}
					c := Default()
					c.Budget = termination.Default.Split(configured)
					outcome, _ := Run(t.Context(), c, parts)
					sigterm := min(time.Since(start), real) // where the kubelet cuts the hook
					for _, sleep := range []time.Duration{10 * s, 15 * s} {
						if want := min(sleepGives(sleep, real), real-leastStop(real)); sigterm < want {
							t.Errorf("grace %v of %v, hook %v: SIGTERM after %v, sleep %v gives %v\n%s", real, configured, own, sigterm, sleep, want, outcome)
						}
					}
				})
			}
		})
	}
}

// TestOwnHookHasTime: with no evidence either, the pod's own hook has a fifth of the grace period, up to
// 2 s, and the application its least time after it.
func TestOwnHookHasTime(t *testing.T) {
	for n := range 120 {
		grace := time.Duration(n+1) * s
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			c := Default()
			c.Budget = termination.Default.Split(grace)
			outcome, _ := Run(t.Context(), c, Parts{Sockets: &pod{start: start}, Hook: ownHook{takes: time.Hour}})
			if took := time.Since(start); took > grace-leastStop(grace)+hookEnds {
				t.Errorf("grace %v: SIGTERM after %v leaves less than %v\n%s", grace, took, leastStop(grace), outcome)
			}
			if least := min(2*s, grace/5); outcome.HookTook < least {
				t.Errorf("grace %v: the hook had %v, want %v\n%s", grace, outcome.HookTook, least, outcome)
			}
		})
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
