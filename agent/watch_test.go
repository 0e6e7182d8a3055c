package agent

import (
	"math"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lameduck-dev/lameduck/agent/sockets"
)

var node = netip.MustParseAddr("10.0.1.1")

func conn(id uint64, peer netip.Addr, port uint16) sockets.Conn {
	return sockets.Conn{ID: id, Peer: peer, Port: port, Established: true}
}

func TestWatchTellsArrivals(t *testing.T) {
	own := conn(9, client, 8080)
	own.Self = true
	c := func(id uint64) sockets.Conn { return conn(id, client, 8080) }
	unprobed := func(c *Config) { c.Probes = nil }
	type step struct {
		opens    uint64 // beyond those of the first look
		conns    []sockets.Conn
		gone     []sockets.Conn
		arrivals int // after this look
		silent   bool
	}
	tests := []struct {
		name  string
		set   func(*Config)
		looks []step // the first is what was there before
	}{
		{"what was there before", nil, []step{{0, []sockets.Conn{c(1)}, nil, 0, false}, {0, []sockets.Conn{c(1)}, nil, 0, true}}},
		{"a new one, seen once", nil, []step{{}, {1, []sockets.Conn{c(1)}, nil, 1, false}, {1, []sockets.Conn{c(1)}, nil, 1, true}}},
		{"came and went", nil, []step{{}, {1, nil, []sockets.Conn{c(1)}, 1, false}, {1, nil, nil, 1, true}}},
		{"its end is no arrival", nil, []step{{}, {1, []sockets.Conn{c(1)}, nil, 1, false}, {1, nil, []sockets.Conn{c(1)}, 1, true}}},
		{"an unseen probe", nil, []step{{}, {1, nil, nil, 0, false}, {1, nil, nil, 0, true}, {2, nil, nil, 0, false}, {2, nil, nil, 1, false}}},
		{"an unseen probe, and one that is seen too soon", nil, []step{{}, {1, nil, nil, 0, false}, {1, nil, nil, 0, true}, {2, []sockets.Conn{conn(1, node, 8080)}, nil, 1, false}}},
		{"unseen", unprobed, []step{{}, {1, nil, nil, 0, false}, {1, nil, nil, 1, false}, {1, nil, nil, 1, true}}},
		{"unseen at first, then told", nil, []step{{}, {1, nil, nil, 0, false}, {1, nil, []sockets.Conn{own}, 0, true}}},
		{"told after it was taken for unseen", unprobed, []step{{}, {1, nil, nil, 0, false}, {1, nil, nil, 1, false}, {1, nil, []sockets.Conn{own}, 1, true}, {2, nil, nil, 1, false}, {2, nil, nil, 2, false}}},
		{"seen before it is counted", unprobed, []step{{}, {0, []sockets.Conn{c(1)}, nil, 1, false}, {1, []sockets.Conn{c(1)}, nil, 1, true}, {2, []sockets.Conn{c(1)}, nil, 1, false}, {2, []sockets.Conn{c(1)}, nil, 2, false}}},
		{"never counted, hides no later one", unprobed, []step{{}, {0, nil, []sockets.Conn{own}, 0, true}, {0, nil, nil, 0, true}, {1, nil, nil, 0, false}, {1, nil, nil, 1, false}}},
		{"the pod with itself", nil, []step{{}, {1, []sockets.Conn{own}, nil, 0, true}}},
		{"a probe", nil, []step{{}, {1, []sockets.Conn{conn(1, node, 8080)}, nil, 0, true}}},
		{"more from the node than a probe", nil, []step{{}, {2, []sockets.Conn{conn(1, node, 8080), conn(2, node, 8080)}, nil, 1, false}}},
		{"from the node to a port that is not probed", nil, []step{{}, {1, []sockets.Conn{conn(1, node, 9090)}, nil, 1, false}}},
		{"another port", func(c *Config) { c.Ports = []uint16{9090} }, []step{{}, {2, []sockets.Conn{c(1), conn(2, client, 9090)}, nil, 1, false}, {2, []sockets.Conn{c(1)}, nil, 1, true}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := config()
			cfg.NodeAddresses = []netip.Addr{node}
			cfg.Probes = []Probe{{Port: 8080, Period: 10 * time.Second}}
			if tt.set != nil {
				tt.set(&cfg)
			}
			w := newWatch(cfg, func(c sockets.Conn) bool { return c.Self })
			now := time.Unix(1_700_000_000, 0)
			for i, step := range tt.looks {
				now = now.Add(lookEvery)
				w.seeLook(sockets.Look{Opens: 500 + step.opens, Conns: step.conns, Gone: step.gone, Exact: true}, now, now)
				if w.arrivals != step.arrivals || (w.silence() > 0) != step.silent {
					t.Errorf("look %d: %d arrivals, silence %v; want %d, %v", i, w.arrivals, w.silence(), step.arrivals, step.silent)
				}
			}
		})
	}
}

func TestWatchForgets(t *testing.T) {
	w := newWatch(config(), func(sockets.Conn) bool { return false })
	now := time.Unix(1_700_000_000, 0)
	for i := range uint64(10 * forgetAfter) {
		now = now.Add(lookEvery)
		w.seeLook(sockets.Look{Opens: i, Conns: []sockets.Conn{conn(7, client, 80), conn(100+i, client, 80)}, Exact: true}, now, now)
	}
	if len(w.flows) > 2*forgetAfter+1 || w.flows[7].look == 0 {
		t.Errorf("%d connections remembered", len(w.flows))
	}
}

func TestProbes(t *testing.T) {
	const s = time.Second
	tests := []struct {
		name   string
		probes []Probe
		at     []time.Duration
		want   int // excused
	}{
		{"one each period", []Probe{{8080, 5 * s}}, []time.Duration{0, 5 * s, 10 * s, 15 * s}, 4},
		{"one seen late", []Probe{{8080, 5 * s}}, []time.Duration{0, 7 * s, 10 * s, 15 * s, 20 * s}, 5},
		{"a little too many", []Probe{{8080, 5 * s}}, []time.Duration{0, 4 * s, 8 * s, 12 * s, 16 * s, 20 * s}, 5},
		{"twice as many", []Probe{{8080, 5 * s}}, []time.Duration{0, 2 * s, 5 * s, 7 * s}, 2},
		{"a burst", []Probe{{8080, 5 * s}}, []time.Duration{0, 0, 0, 20 * s, 20 * s}, 2},
		{"two probes of one port", []Probe{{8080, 5 * s}, {8080, 10 * s}}, []time.Duration{0, 2 * s, 5 * s, 12 * s, 13 * s}, 5},
		{"of another port", []Probe{{9090, s}}, []time.Duration{0, 5 * s}, 0},
		{"unknown: one a second", nil, []time.Duration{0, 400 * ms, s, 2 * s}, 3},
	}
	for _, tt := range tests {
		p := newProbes(Config{Probes: tt.probes, NodeAddresses: []netip.Addr{node}})
		start := time.Unix(1_700_000_000, 0)
		got := 0
		for _, at := range tt.at {
			if p.excuse(conn(1, client, 8080), start.Add(at)) {
				t.Errorf("%s: a client is taken for a probe", tt.name)
			}
			if p.excuse(conn(1, node, 8080), start.Add(at)) {
				got++
			}
		}
		if got != tt.want {
			t.Errorf("%s: %d excused, want %d", tt.name, got, tt.want)
		}
	}
}

func TestWindow(t *testing.T) {
	q := Default().Quiet
	for _, tt := range []struct {
		rate             float64
		confirmed, alone time.Duration
	}{
		{0, s, 15 * s},
		{-1, s, 15 * s},
		{0.1, s, 15 * s},
		{1, s, 7 * s},
		{5, 600 * ms, 3 * s},
		{100, 300 * ms, 3 * s},
		{math.Inf(1), 300 * ms, 3 * s},
	} {
		if got := q.window(tt.rate, true); got != tt.confirmed {
			t.Errorf("%v/s confirmed: %v, want %v", tt.rate, got, tt.confirmed)
		}
		if got := q.window(tt.rate, false); got != tt.alone {
			t.Errorf("%v/s alone: %v, want %v", tt.rate, got, tt.alone)
		}
	}
	if got := (Quiet{Floor: 5 * s, Ceiling: 30 * s}).window(100, false); got != 5*s {
		t.Errorf("a higher floor: %v", got)
	}
}

func TestRateIsTheLarger(t *testing.T) {
	cfg := config()
	cfg.Age = 100 * s
	cfg.Probes = []Probe{{8080, 2 * s}}
	w := newWatch(cfg, func(sockets.Conn) bool { return false })
	start := time.Unix(1_700_000_000, 0)
	w.seeLook(sockets.Look{Opens: 450}, start, start)
	if got := w.rate(); got != 4 {
		t.Errorf("lifetime: %v/s, want 4.5 without the probe's 0.5", got)
	}
	var conns []sockets.Conn
	for id := range uint64(20) {
		conns = append(conns, conn(id, client, 80))
	}
	w.seeLook(sockets.Look{Opens: 470, Conns: conns}, start.Add(lookEvery), start.Add(lookEvery))
	if got := w.rate(); got != 20 {
		t.Errorf("a burst: %v/s, want 20 over a second", got)
	}
	w.seeLook(sockets.Look{Opens: 470, Conns: conns}, start.Add(30*s), start.Add(30*s))
	if got := w.rate(); got != 20 {
		t.Errorf("after a silence: %v/s, want it not to lengthen its own window", got)
	}
}

func TestConfigValidate(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
	for name, set := range map[string]func(*Config){
		"no grace":       func(c *Config) { c.Budget = c.Budget.Split(0) },
		"budget":         func(c *Config) { c.Budget.Stop++ },
		"min-wait":       func(c *Config) { c.MinWait = -1 },
		"fallback-wait":  func(c *Config) { c.FallbackWait = -1 },
		"quiet floor":    func(c *Config) { c.Quiet.Floor = 0 },
		"quiet ceiling":  func(c *Config) { c.Quiet.Ceiling = c.Quiet.Floor - 1 },
		"probe's period": func(c *Config) { c.Probes = []Probe{{8080, 0}} },
		"probe's port":   func(c *Config) { c.Probes = []Probe{{0, s}} },
	} {
		c := Default()
		set(&c)
		if err := c.Validate(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// BenchmarkWatch10000 is what the agent adds to the kernel's part of a look.
func BenchmarkWatch10000(b *testing.B) {
	w := newWatch(config(), func(c sockets.Conn) bool { return c.Self })
	conns := make([]sockets.Conn, 10_000)
	for i := range conns {
		conns[i] = conn(uint64(i), client, 8080)
	}
	for b.Loop() {
		w.seeLook(sockets.Look{Conns: conns, Exact: true}, time.Now(), time.Now())
	}
}

func TestNoSockets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		outcome, err := Run(t.Context(), config(), Parts{})
		if took := time.Since(start); took != 20*s || err != nil || !outcome.Blind {
			t.Errorf("took %v, %v, %s", took, err, outcome)
		}
	})
}

// slowSockets take their time for each look, as on a node whose processors are busy.
type slowSockets struct {
	pod   *pod
	takes time.Duration
	looks int
}

func (s *slowSockets) Look() (sockets.Look, error) {
	time.Sleep(s.takes)
	s.looks++
	return s.pod.Look()
}

func TestSlowLooksGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		slow := &slowSockets{pod: &pod{start: start}, takes: 900 * ms}
		outcome, err := Run(t.Context(), config(), Parts{Sockets: slow})
		if err != nil || outcome.Blind || slow.looks < 13 || time.Since(start) > 18*s {
			t.Errorf("%d looks, %v, %s", slow.looks, err, outcome)
		}
		synctest.Wait()
	})
}
