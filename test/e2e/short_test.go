//go:build cluster

package e2e

import (
	"context"
	"os"
	"testing"

	"github.com/lameduck-dev/lameduck/test/cluster/cluster"
)

// up starts a cluster with lameduck in it, for the duration of the test.
func up(t *testing.T, proxy string) *Env {
	t.Helper()
	ctx := context.Background()
	e, err := Up(ctx, cluster.Options{Name: "short-" + proxy, Nodes: 3, Proxy: proxy, Progress: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := e.Install(ctx); err != nil {
		t.Fatal(err)
	}
	return e
}

// lostNothing runs the trial with lameduck. What it asserts holds on a machine of any speed.
func lostNothing(t *testing.T, e *Env, trial Trial) {
	t.Helper()
	trial.Protection = Lameduck
	seen, err := e.Run(t.Context(), trial)
	if err != nil {
		t.Fatal(err)
	}
	for _, outcome := range perLane(t.Name(), seen) {
		t.Log(outcome.Line())
		if !outcome.Pass() {
			t.Errorf("%s: lost %d, masked %d, faults %q", outcome.Name, outcome.Lost, outcome.Masked, outcome.Faults)
		}
	}
	for _, loss := range seen.Losses {
		t.Logf("%+v", loss)
	}
}

func TestNothingIsLost(t *testing.T) {
	e := up(t, cluster.NFTables)
	t.Run("control", func(t *testing.T) {
		lost, err := e.control(t.Context(), Bare, stops[0].trial)
		if err != nil {
			t.Fatal(err)
		}
		total := uint64(0)
		for _, n := range lost {
			total += n
		}
		if total == 0 {
			t.Error("rollouts without lameduck lost nothing: this load can't show a loss")
		}
	})
	for _, stop := range stops {
		t.Run(stop.name, func(t *testing.T) { lostNothing(t, e, stop.trial) })
	}
	t.Run("stalled-proxy", func(t *testing.T) { lostNothing(t, e, stalled) })
	t.Run("leader-killed", func(t *testing.T) { lostNothing(t, e, leaderKilled) })
	t.Run("hub-absent", func(t *testing.T) {
		trial := stops[0].trial
		trial.Before = func(ctx context.Context, e *Env) (func() error, error) { return nil, e.Scale(ctx, 0) }
		lostNothing(t, e, trial)
	})
	t.Run("webhook-absent", func(t *testing.T) {
		outcomes, err := webhookAbsent(t.Context(), e, t.Name())
		if err != nil {
			t.Fatal(err)
		}
		if !outcomes[0].Pass() {
			t.Error(outcomes[0].Faults)
		}
	})
}

func TestNothingIsLostWithIPTables(t *testing.T) {
	lostNothing(t, up(t, cluster.IPTables), stops[0].trial)
}
