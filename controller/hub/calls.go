package hub

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/controller/peers"
	"github.com/lameduck-dev/lameduck/graceful/termination"
)

func (s *Server) confirm(ctx context.Context, pod *corev1.Pod, r request) any {
	// The wait bounds only how long the answer is held: an agent's first call asks for none.
	wait := min(time.Duration(max(*r.WaitSeconds, 0))*time.Second, hubapi.MaxWait)
	call := ctx
	ctx, cancel := context.WithTimeout(call, wait)
	defer cancel()
	pod, err := s.present(ctx, pod)
	if err != nil {
		return refusal{err.Error()}
	}
	if pod.DeletionTimestamp == nil {
		return hubapi.ConfirmResponse{Final: true, Evidence: []termination.Evidence{{
			Time: time.Now(), Kind: termination.NotTerminating, Source: "hub",
			Detail: "the pod has no deletionTimestamp: no EndpointSlice will stop offering it before it stops being ready",
		}}}
	}
	t, err := s.hub.of(pod)
	if err != nil {
		return refusal{err.Error()}
	}
	t.follow(pod)
	// If the pod's end was reported before it was followed, it is not reported again.
	if now := s.hub.config.Cluster.Pod(pod.Namespace, pod.Name); now == nil || now.UID != pod.UID {
		s.hub.Gone(string(pod.UID))
	}
	t.enterCall()
	defer t.leaveCall()
	asked := readPeers(r.Peers)
	if r.News != nil {
		t.want(asked)
	}
	if r.Confirmed {
		t.hold(ctx, r.News)
	} else {
		t.await(ctx)
	}
	if call.Err() != nil { // nobody is there to be answered
		return refusal{call.Err().Error()}
	}
	classified := s.peers(context.WithoutCancel(ctx), t, asked) // takes time: the answer is judged after it
	if s.hub.ctx.Err() != nil {
		return refusal{errStopping.Error()}
	}
	response := t.answer()
	response.Peers = classified
	return response
}

// classify bounds how long the hub takes to classify a call's peers: what it does not know by then
// it answers at the next call.
const classify = 500 * time.Millisecond

// readPeers reads the peers that a call asks about; none if it can't read the list.
func readPeers(asked json.RawMessage) (addresses []netip.Addr) {
	if len(asked) == 0 || json.Unmarshal(asked, &addresses) != nil || len(addresses) > hubapi.MaxPeers {
		return nil
	}
	return addresses
}

// peers classifies the peers that a call asks about.
func (s *Server) peers(ctx context.Context, t *Termination, addresses []netip.Addr) []hubapi.Peer {
	if len(addresses) == 0 || s.hub.config.Peers == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, classify)
	defer cancel()
	target := peers.Target{Namespace: t.pod.Namespace, Headless: len(s.hub.config.View.Headless(t.pod)) > 0}
	return s.hub.config.Peers.Classify(ctx, target, addresses)
}

func (s *Server) keepRecords(_ context.Context, pod *corev1.Pod, r request) any {
	var records few[string]
	err := json.Unmarshal(r.Records, &records)
	if err == nil {
		err = s.hub.config.Recorder.Record(pod, records)
	}
	if err != nil {
		s.hub.config.Log.Info("restore: not kept", "pod", pod.Namespace+"/"+pod.Name, "error", err)
	}
	// If the pod's end was reported before the record was kept, it is not reported again.
	if now := s.hub.config.Cluster.Pod(pod.Namespace, pod.Name); now == nil || now.UID != pod.UID {
		s.hub.config.Recorder.Gone(string(pod.UID))
	}
	if err != nil {
		return refusal{err.Error()}
	}
	return hubapi.RecordResponse{}
}

func (s *Server) takeReport(_ context.Context, pod *corev1.Pod, r request) any {
	var line told
	err := json.Unmarshal(r.Timeline, &line)
	if err != nil {
		return refusal{err.Error()}
	}
	t, err := s.hub.of(pod)
	if err == nil {
		err = t.report(line, sha256.Sum256(r.Timeline))
	}
	if err != nil {
		return refusal{err.Error()}
	}
	return hubapi.ReportResponse{}
}

// readFor bounds one reading of a pod past the cache.
const readFor = 2 * time.Second

// present gives the pod as it is now. The kubelet may start the hook before the hub's informer has
// heard that the pod was deleted: one that seems to stay is read once more, past the cache.
func (s *Server) present(ctx context.Context, pod *corev1.Pod) (*corev1.Pod, error) {
	if pod.DeletionTimestamp != nil {
		return pod, nil
	}
	if !s.reads.Allow(string(pod.UID)) || !s.allReads.Allow() {
		return nil, errBusyReading
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readFor)
	defer cancel()
	now, err := s.hub.config.Cluster.Read(ctx, pod.Namespace, pod.Name)
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the pod: %w", err)
	case now.UID != pod.UID:
		return nil, errors.New("the pod is gone, and another has its name")
	}
	return now, nil
}

var errBusyReading = errors.New("too many ask about pods that were not deleted; ask again in a second")
