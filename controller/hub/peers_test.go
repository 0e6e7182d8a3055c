package hub

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/controller/peers"
	"github.com/lameduck-dev/lameduck/graceful/termination"
)

// classes takes every peer for a router, and notes what it was asked.
type classes struct {
	targets []peers.Target
	most    int
}

func (c *classes) Classify(_ context.Context, target peers.Target, addresses []netip.Addr) (told []hubapi.Peer) {
	c.targets, c.most = append(c.targets, target), max(c.most, len(addresses))
	for _, address := range addresses {
		told = append(told, hubapi.Peer{Address: address, Class: termination.PeerWatcher, Name: "ingress/traefik"})
	}
	return told
}

// Each answer tells the classes of the peers that the agent names, within bounds.
func TestPeersAreClassified(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		asked := &classes{}
		s.hub.config.Peers = asked
		s.add("a")
		s.delete("a", 60)
		s.slice(10, map[string]string{"a": "leaving", "b": "ready"})
		ask := func(n int) hubapi.ConfirmResponse {
			request := hubapi.ConfirmRequest{Token: bound("a"), WaitSeconds: 5}
			for i := range n {
				request.Peers = append(request.Peers, netip.MustParseAddr(fmt.Sprintf("10.0.%d.%d", i/256, i%256)))
			}
			var response hubapi.ConfirmResponse
			if code := s.post(hubapi.ConfirmPath, request, &response); code != http.StatusOK {
				t.Error(code)
			}
			return response
		}
		for n, want := range map[int]int{0: 0, 2: 2, hubapi.MaxPeers: hubapi.MaxPeers, hubapi.MaxPeers + 1: 0} {
			answer := ask(n)
			if len(answer.Peers) != want || !answer.Confirmed {
				t.Errorf("%d peers: %d told, confirmed %v", n, len(answer.Peers), answer.Confirmed)
			}
		}
		if asked.most != hubapi.MaxPeers || asked.targets[0] != (peers.Target{Namespace: "shop"}) {
			t.Errorf("asked for %d at most, of %+v", asked.most, asked.targets)
		}
	})
}
