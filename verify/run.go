package verify

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lameduck-dev/lameduck/report"
)

// run is one run under way.
type run struct {
	Options
	url     *url.URL
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
	o, target, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &run{Options: o, url: target, prefix: runID()}
	probe, err := r.probe(ctx)
	if err != nil {
		return nil, err
	}
	if o.Cluster != nil {
		var ledger *ledgers
		if probe.Ledgered {
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
	r.prepare(probe.Echoed)
	loadErr := r.load(ctx)
	return r.result(ctx), loadErr
}

// runID tells the requests of this run from those of others.
func runID() string {
	return strconv.FormatUint(rand.Uint64N(1<<35)+1<<35, 36) + "-"
}

// probe sends one request in each way that the load will, so that a wrong URL is an error and not a
// heap of lost requests, and learns whether answers carry the request's id.
func (r *run) probe(ctx context.Context) (Shot, error) {
	const tries, between = 20, 250 * time.Millisecond
	var seen Shot
	for _, method := range r.methods() {
		target := newHTTP1(r.targetOptions(method, true, false))
		said := r.sayLines(ctx, func() string {
			return fmt.Sprintf("waiting for %s %s to answer, at most %v", method, r.URL, tries*(r.Timeout+between))
		})
		var err error
		for try := range tries {
			shot := Shot{ID: fmt.Sprintf("probe-%s%s-%d", r.prefix, method, try)}
			askCtx, cancel := context.WithTimeout(ctx, r.Timeout)
			err = target.Send(askCtx, &shot)
			cancel()
			if seen = shot; err == nil {
				break
			}
			if pauseErr := pause(ctx, between); pauseErr != nil {
				said()
				return seen, pauseErr
			}
		}
		said()
		target.Close()
		if err != nil {
			return seen, fmt.Errorf("the target must answer before anything is done to it: %s %s: %w%s", method, r.URL, err, remedy(method, err))
		}
	}
	return seen, nil
}

// remedy says what to do about a target that does not answer, if that can be told.
func remedy(method string, err error) string {
	var unknown *net.DNSError
	switch {
	case method == http.MethodPost:
		return fmt.Sprintf("; the lane %s sends it: without it, --lanes %s,%s", LanePost, LaneFresh, LaneKeepAlive)
	case errors.Is(err, context.DeadlineExceeded):
		return "; it does not answer in time: see whether its pods are ready, or give it longer by --timeout"
	case errors.As(err, &unknown) && unknown.IsNotFound:
		return "; a Service's name is known only in the cluster: run verify there"
	}
	return ""
}

func (r *run) methods() []string {
	var methods []string
	for _, lane := range r.Lanes {
		method := methodOf(lane)
		if !slices.Contains(methods, method) {
			methods = append(methods, method)
		}
	}
	return methods
}

func methodOf(lane string) string {
	if lane == LanePost {
		return http.MethodPost
	}
	return http.MethodGet
}

func (r *run) targetOptions(method string, fresh, echo bool) http1Options {
	return http1Options{
		url: r.url, method: method, header: r.Header, conns: r.Conns, fresh: fresh,
		idle: r.IdleTimeout, echo: echo, tls: r.TLS, timeout: r.Timeout, dial: r.dialer(),
	}
}

// prepare makes the lanes. They share the rate, and their requests interleave.
func (r *run) prepare(echo bool) {
	r.start = time.Now()
	r.stop = make(chan struct{})
	rate := r.Rate / float64(len(r.Lanes))
	for i, name := range r.Lanes {
		r.lanes = append(r.lanes, &lane{
			name:    name,
			prefix:  r.prefix + name + "-",
			target:  newHTTP1(r.targetOptions(methodOf(name), name == LaneFresh, echo)),
			pacer:   pacer{rate: rate, offset: time.Duration(float64(i) * float64(time.Second) / r.Rate)},
			sent:    &r.sent,
			tally:   newTally(name, r.start, &r.windows),
			limit:   r.MaxInFlight,
			timeout: r.Timeout,
			start:   r.start,
			stop:    r.stop,
		})
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
