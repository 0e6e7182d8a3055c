package verify

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/lameduck-dev/lameduck/report"
)

// run is one run under way.
type run struct {
	Options
	ways    []way
	prefix  string       // of all request ids
	sent    atomic.Int64 // requests, by all lanes
	start   time.Time
	windows windows
	lanes   []*lane
	stop    chan struct{} // closed when the load ends
	watch   *watch        // nil without a Cluster
	action  *report.Action
}

// Run sends load, does the action meanwhile, and says what was lost, and where.
//
// An error means that nothing was proved: the options are wrong, the target does not answer at
// all, or the cluster can't be watched. That requests were lost, or that the action failed, is
// in the result. When ctx ends early the result covers the time until then, with the error.
func Run(ctx context.Context, o Options) (*report.Verify, error) {
	o, ways, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &run{Options: o, ways: ways, prefix: runID()}
	probes, err := r.probe(ctx)
	if err != nil {
		return nil, err
	}
	if o.Cluster != nil {
		var ledger *ledgers
		if slices.ContainsFunc(probes, func(s Shot) bool { return s.Ledgered }) {
			ledger = newLedgers(r.prefix, r.sent.Load)
		}
		said := r.sayLines(ctx, func() string {
			return fmt.Sprintf("waiting for the lists of pods, EndpointSlices and events in namespace %s", o.Cluster.Namespace)
		})
		r.watch, err = startWatch(ctx, o.Cluster, ledger)
		said()
		if err != nil {
			return nil, err
		}
		defer r.watch.close()
	}
	r.prepare(probes)
	loadErr := r.load(ctx)
	return r.result(ctx), loadErr
}

// runID tells the requests of this run from those of others.
func runID() string {
	return strconv.FormatUint(rand.Uint64N(1<<35)+1<<35, 36) + "-"
}

// probe sends one request in each way that the load will, so that a wrong URL is an error and not a
// heap of lost requests, and learns of each lane whether answers carry the request's id.
func (r *run) probe(ctx context.Context) ([]Shot, error) {
	seen := make([]Shot, len(r.ways))
	for i, w := range r.ways {
		same := slices.IndexFunc(r.ways[:i], func(before way) bool { return before.probe == w.probe && *before.url == *w.url })
		if same >= 0 {
			seen[i] = seen[same]
			continue
		}
		var err error
		if seen[i], err = r.probeWay(ctx, &w); err != nil {
			return nil, err
		}
	}
	return seen, nil
}

// probeHold is how long a held request of the probe lasts: the application may say its name in it.
const probeHold = 300 * time.Millisecond

func (r *run) probeWay(ctx context.Context, w *way) (seen Shot, err error) {
	const tries, between = 20, 250 * time.Millisecond
	target := r.target(w, func(o *targetOptions) { o.conns, o.hold = 1, probeHold })
	defer target.Close()
	lasts := r.Timeout
	if w.held {
		lasts += r.Hold
	}
	said := r.sayLines(ctx, func() string {
		return fmt.Sprintf("waiting for %s %s to answer, at most %v", w.probe, r.givenURL(w), tries*(lasts+between))
	})
	defer said()
	for try := range tries {
		shot := Shot{ID: fmt.Sprintf("probe-%s%s-%d", r.prefix, w.lane, try), AnswerBy: time.Now().Add(r.Timeout)}
		askCtx, cancel := context.WithTimeout(ctx, lasts)
		err = target.Send(askCtx, &shot)
		cancel()
		if seen = shot; err == nil {
			return seen, nil
		}
		if pauseErr := pause(ctx, between); pauseErr != nil {
			return seen, pauseErr
		}
	}
	return seen, fmt.Errorf("the target must answer before anything is done to it: %s %s: %w%s", w.probe, r.givenURL(w), err, remedy(w, err))
}

// givenURL is the way's URL as it was given, if it is the target's own.
func (r *run) givenURL(w *way) string {
	if given, err := parseTarget(r.URL, nil); err == nil && given.String() == w.url.String() {
		return r.URL
	}
	return w.url.String()
}

// remedy says what to do about a target that does not answer, if that can be told.
func remedy(w *way, err error) string {
	var unknown *net.DNSError
	switch {
	case w.lane == LanePost:
		return fmt.Sprintf("; the lane %s sends it: without it, --lanes %s,%s", LanePost, LaneFresh, LaneKeepAlive)
	case errors.Is(err, context.DeadlineExceeded) && w.held:
		return "; it does not answer in time: see whether its pods are ready, or give it longer by --timeout and --hold"
	case errors.Is(err, context.DeadlineExceeded):
		return "; it does not answer in time: see whether its pods are ready, or give it longer by --timeout"
	case errors.As(err, &unknown) && unknown.IsNotFound:
		return "; a Service's name is known only in the cluster (--in-cluster), and without its namespace only there"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "; nothing listens there: see whether it runs, and at this port"
	case w.lane == LaneGRPC || w.lane == LaneGRPCStream:
		return fmt.Sprintf("; to call another method of the server, --lanes %s=/package.Service/Method; at another port, %s=http://host:port", w.lane, w.lane)
	case w.lane != LaneFresh && w.lane != LaneKeepAlive:
		return fmt.Sprintf("; if it is served elsewhere, --lanes %s=/path or %s=http://host:port/path", w.lane, w.lane)
	}
	return ""
}

func (r *run) target(w *way, change func(o *targetOptions)) Target {
	o := &targetOptions{
		url: w.url, header: r.Header, conns: r.Conns, idle: r.IdleTimeout, tls: r.TLS, timeout: r.Timeout,
		dial: r.dialer(), grpcMessage: r.GRPCMessage, wsMessage: r.WSMessage,
	}
	change(o)
	return w.make(o)
}

// prepare makes the lanes. They share the rate, and their requests interleave.
func (r *run) prepare(probes []Shot) {
	r.start = time.Now()
	r.stop = make(chan struct{})
	rate := r.Rate / float64(len(r.Lanes))
	for i, w := range r.ways {
		l := &lane{
			name:    w.lane,
			prefix:  r.prefix + w.lane + "-",
			pacer:   pacer{rate: rate, offset: time.Duration(float64(i) * float64(time.Second) / r.Rate)},
			sent:    &r.sent,
			tally:   newTally(w.lane, r.start, &r.windows),
			limit:   r.inFlight(&w),
			timeout: r.Timeout,
			start:   r.start,
			stop:    r.stop,
		}
		l.target = r.target(&w, func(o *targetOptions) { o.echo, o.hold = probes[i].Echoed, r.Hold })
		if w.held {
			l.hold = r.Hold
		}
		r.lanes = append(r.lanes, l)
	}
}

// load runs the lanes, and the action in its time.
func (r *run) load(ctx context.Context) error {
	var sending sync.WaitGroup
	for _, l := range r.lanes {
		sending.Go(func() { l.run(ctx) })
	}
	quiet := r.sayLines(ctx, r.progress)

	err := r.script(ctx)
	end := time.Since(r.start)
	for _, l := range r.lanes {
		l.finish(end)
	}
	close(r.stop)
	quiet()
	sending.Wait()
	for _, l := range r.lanes {
		for _, masked := range l.target.Close() {
			l.tally.demote(masked, l.intended(masked.ID))
		}
	}
	return err
}

// script is what happens while the load runs.
func (r *run) script(ctx context.Context) error {
	if r.Action == nil {
		return pause(ctx, r.Duration)
	}
	if err := pause(ctx, r.Before); err != nil {
		return err
	}
	r.action = &report.Action{Name: r.ActionName, Began: time.Now()}
	r.windows.began.Store(int64(time.Since(r.start)))
	actionCtx, cancel := context.WithTimeoutCause(ctx, r.ActionTimeout, fmt.Errorf("not complete within %v", r.ActionTimeout))
	err := r.Action(actionCtx)
	if err != nil && actionCtx.Err() != nil && ctx.Err() == nil {
		err = errors.Join(context.Cause(actionCtx), err)
	}
	cancel()
	if r.watch != nil && ctx.Err() == nil {
		err = errors.Join(err, r.watch.awaitGone(ctx))
	}
	r.action.Ended = time.Now()
	r.windows.ended.Store(int64(time.Since(r.start)))
	if err != nil {
		r.action.Failure = err.Error()
	}
	return pause(ctx, r.After)
}

// sayLines writes a line every two seconds, until it is told to stop.
func (r *run) sayLines(ctx context.Context, line func() string) (stop func()) {
	if r.Progress == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var saying sync.WaitGroup
	saying.Go(func() {
		for pause(ctx, 2*time.Second) == nil {
			fmt.Fprintln(r.Progress, line())
		}
	})
	return func() {
		cancel()
		saying.Wait()
	}
}

// progress is how the load goes.
func (r *run) progress() string {
	elapsed := time.Since(r.start)
	var sum report.Counts
	for _, l := range r.lanes {
		sum.Add(l.tally.now())
	}
	line := fmt.Sprintf("%4.0fs  %-6s  %d requests, %d lost, %d masked", elapsed.Seconds(), r.windows.of(elapsed), sum.Requests, sum.Lost, sum.Masked)
	if r.watch != nil {
		if leaving, _ := r.watch.leaving(); len(leaving) > 0 {
			line += "; leaving: " + strings.Join(leaving, ", ")
		}
	}
	return line
}
