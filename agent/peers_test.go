package agent

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestPeersThatKnowTheAddress has a router that sends over one connection that it keeps, and learns
// late that the pod leaves: no new connection ever comes.
func TestPeersThatKnowTheAddress(t *testing.T) {
	late, never := consumer{every: 100 * ms, until: 8 * s}, consumer{every: 100 * ms, until: time.Hour}
	for _, tt := range []struct {
		name     string
		set      func(*Config)
		hub      bool
		each     []consumer
		from, to time.Duration
		says     string
	}{
		{"confirmed: they came through kube-proxy", func(*Config) {}, true, []consumer{late}, s, 1300 * ms, "routers confirmed"},
		{"told: until they are silent", func(c *Config) { c.DirectPeers = true }, true, []consumer{late}, 13 * s, 13200 * ms, "1 peers silent for 5.0"},
		{"told: each of them", func(c *Config) { c.DirectPeers = true }, true, []consumer{{every: 100 * ms, until: s}, late}, 13 * s, 13200 * ms, "2 peers silent for 5.0"},
		{"told: up to the ceiling", func(c *Config) { c.DirectPeers = true }, true, []consumer{never}, 15 * s, 15300 * ms, "NOT ALL of 1 peers SILENT"},
		{"told: nobody sends, which says nothing", func(c *Config) { c.DirectPeers = true }, true, nil, 15 * s, 15100 * ms, "no peer has sent"},
		{"no hub", func(*Config) {}, false, []consumer{never}, 15 * s, 15300 * ms, "no hub"},
		{"no hub, a higher ceiling", func(c *Config) { c.PeerCeiling = 25 * s }, false, []consumer{never}, 25 * s, 25300 * ms, "no hub"},
		{"no hub, a load balancer's delay", func(c *Config) { c.OutsideCeiling = 25 * s }, false, []consumer{never}, 25 * s, 25300 * ms, "no hub"},
		{"no hub, a higher ceiling, silent", func(c *Config) { c.PeerCeiling = 25 * s }, false, []consumer{{every: 100 * ms, until: 12 * s}}, 17 * s, 17200 * ms, "no hub"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := config()
				tt.set(&c)
				start := time.Now()
				parts := Parts{Sockets: &consumers{start: start, each: tt.each}}
				if tt.hub {
					parts.Hub = &hub{start: start, confirm: says(yes, 50*ms)}
				}
				outcome, err := Run(t.Context(), c, parts)
				if took := time.Since(start); err != nil || took < tt.from || took > tt.to || !strings.Contains(outcome.String(), tt.says) {
					t.Errorf("took %v (%v), want %v to %v, and to be told %q\n%s", took, err, tt.from, tt.to, tt.says, outcome)
				}
			})
		})
	}
}
