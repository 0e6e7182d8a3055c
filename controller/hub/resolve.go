package hub

import (
	"context"
	"time"

	"github.com/lameduck-dev/lameduck/graceful/termination"
)

// askEvery is the pause between two questions to the cluster's DNS, and to its routers.
const askEvery = time.Second

// resolve asks the cluster's DNS, if a headless Service gives out the pod's address, until no client
// can have it from there any more: no server gives it, and what was given before the slices changed
// is valid no longer.
func (t *Termination) resolve(ctx context.Context) {
	h := t.hub
	services := h.config.View.Headless(t.pod)
	if h.config.DNS == nil || len(services) == 0 {
		return
	}
	out := t.watch.State().At
	longest := time.Duration(0)
	for failed := false; ; {
		gives, ttl, err := h.config.DNS.Gives(ctx, t.pod.Namespace, services, t.pod.IPs)
		longest = max(longest, ttl)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failed:
			failed = true
			h.config.Log.Info("hub: asking DNS", "pod", t.pod.Namespace+"/"+t.pod.Name, "error", err)
		case err == nil && !gives && ttl == 0 && longest == 0:
			longest = termination.HeadlessDNS // no answer tells for how long they are valid
		}
		if err == nil && !gives && time.Since(out) >= longest {
			t.mu.Lock()
			defer t.mu.Unlock()
			if ctx.Err() == nil {
				t.resolved = true
				t.tellAgents()
			}
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(askEvery):
		}
	}
}
