package registry

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lameduck-dev/lameduck/registry/wire"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// played is a registry that answers by a script over time.
type played struct {
	find     func(at time.Duration) (Found, error)
	withdraw func(at time.Duration) error
	confirm  func(at time.Duration) error
	log      func(call string)
	start    time.Time
}

func (p *played) at() time.Duration { return time.Since(p.start) }

func (p *played) Find(ctx context.Context) (Found, error) {
	p.log("find")
	found, err := p.find(p.at())
	if errors.Is(err, errHangs) {
		<-ctx.Done()
		return Found{}, ctx.Err()
	}
	return found, err
}

func (p *played) Withdraw(_ context.Context, record Spec) error {
	p.log("withdraw " + record.String())
	return p.withdraw(p.at())
}

func (p *played) Confirm(context.Context, Spec) error { return p.confirm(p.at()) }
func (p *played) Restore(context.Context, Spec) error { return nil }

// cachedToo is one whose servers cache what they give.
type cachedToo struct {
	*played
	cached func(at time.Duration) error
}

func (c cachedToo) Cached(context.Context, Spec) error { return c.cached(c.at()) }

var errHangs = errors.New("hangs")

func TestLeave(t *testing.T) {
	spec, err := testKinds.ParseSpec("nacos server=n:8848 service=orders")
	if err != nil {
		t.Fatal(err)
	}
	record := spec.With("ip", "10.0.0.3").With("port", "8080").With("weight", "1")
	there := func(time.Duration) (Found, error) { return Found{Record: record, Detail: "10.0.0.3:8080"}, nil }
	good := func(time.Duration) error { return nil }
	outFrom := func(from time.Duration) func(time.Duration) error {
		return func(at time.Duration) error {
			if at < from {
				return In("10.0.0.3:8080", "n:8848")
			}
			return nil
		}
	}
	refused := errors.New("dial tcp n:8848: connection refused")
	for _, test := range []struct {
		name string
		played
	}{
		{"out", played{find: there, withdraw: good, confirm: outFrom(time.Second)}},
		{"already-out", played{find: func(time.Duration) (Found, error) {
			return Found{Record: record, Out: true, Detail: "10.0.0.3:8080"}, nil
		}, withdraw: good, confirm: good}},
		{"absent-at-first", played{find: func(at time.Duration) (Found, error) {
			if at < 3*time.Second {
				return Found{}, NotFound("10.0.0.3", "orders", []string{"10.0.0.4:8080"})
			}
			return there(at)
		}, withdraw: good, confirm: good}},
		{"no-such-service", played{find: func(time.Duration) (Found, error) { return Found{}, NoService("order") }}},
		{"wrong-password", played{find: func(time.Duration) (Found, error) { return Found{}, fmt.Errorf("%w: user nacos", ErrDenied) }}},
		{"down-at-first", played{find: there, withdraw: func(at time.Duration) error {
			if at < time.Second {
				return refused
			}
			return nil
		}, confirm: good}},
		{"hangs", played{find: func(time.Duration) (Found, error) { return Found{}, errHangs }}},
		{"does-nothing", played{find: there, withdraw: good, confirm: outFrom(time.Hour)}},
		{"put-back", played{find: there, withdraw: good, confirm: func(at time.Duration) error {
			if at > 9*time.Second && at < 10*time.Second {
				return In("10.0.0.3:8080", "n:8848")
			}
			return nil
		}}},
		{"one-node-down", played{find: there, withdraw: good, confirm: func(time.Duration) error { return refused }}},
		{"blind-when-out", played{find: there, withdraw: good, confirm: func(at time.Duration) error {
			if at > 4*time.Second {
				return refused
			}
			return nil
		}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				start := time.Now()
				line := func(text string) { fmt.Fprintf(&out, "%6.2fs  %s\n", time.Since(start).Seconds(), text) }
				test.start, test.log = start, line
				ctx, cancel := context.WithTimeout(t.Context(), 13500*time.Millisecond)
				defer cancel()
				Leave(ctx, spec, &test.played, 8*time.Second, func(e wire.Event) {
					given := ""
					if e.GivenUp {
						given = ", given up"
					}
					line(fmt.Sprintf("    %s%s: %s%s", strings.ToUpper(e.Event), given, e.Detail, e.Spec))
				})
				golden(t, out.String())
			})
		})
	}
}

func golden(t *testing.T, got string) {
	t.Helper()
	_, name, _ := strings.Cut(t.Name(), "/")
	file := filepath.Join("testdata", "leave", name+".txt")
	if *update {
		os.MkdirAll(filepath.Dir(file), 0o755)
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: now\n%s\nwas\n%s", file, got, want)
	}
}

// TestLeaveCached: consumers are stale for less when the servers' caches show the withdrawal, unless
// the time was given; and as long as ever when the instance was back.
func TestLeaveCached(t *testing.T) {
	for _, test := range []struct {
		name, spec string
		back       time.Duration // when the instance is seen in again; 0: never
		cached     time.Duration // when the caches show the withdrawal, and from then on
		want       string
	}{
		{"seen", "eureka service=orders", 0, 7 * time.Second, "1m35s 1m12s"},
		{"never seen", "eureka service=orders", 0, time.Hour, "1m35s"},
		{"seen at once", "eureka service=orders", 0, 0, "1m35s 1m6s"},
		{"back after that", "eureka service=orders", 10 * time.Second, 7 * time.Second, "1m35s 1m12s 1m35s 1m6s"},
		{"given", "eureka service=orders stale=20s", 0, 7 * time.Second, "20s"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spec, err := testKinds.ParseSpec(test.spec)
				if err != nil {
					t.Fatal(err)
				}
				r := cachedToo{
					played: &played{
						start: time.Now(), log: func(string) {},
						find:     func(time.Duration) (Found, error) { return Found{Record: spec}, nil },
						withdraw: func(time.Duration) error { return nil },
						confirm: func(at time.Duration) error {
							if test.back > 0 && at >= test.back && at < test.back+time.Second {
								return In("10.0.0.3:8080", "e:8761")
							}
							return nil
						},
					},
					cached: func(at time.Duration) error {
						if at < test.cached {
							return In("orders-0", "e:8761/eureka/apps/delta")
						}
						return nil
					},
				}
				var got []string
				ctx, cancel := context.WithTimeout(t.Context(), 14*time.Second)
				defer cancel()
				Leave(ctx, spec, r, 8*time.Second, func(e wire.Event) {
					if e.Event == wire.Plan {
						got = append(got, e.Stale().Round(time.Second).String())
					}
				})
				if text := strings.Join(got, " "); text != test.want {
					t.Errorf("said %s, want %s", text, test.want)
				}
			})
		})
	}
}
