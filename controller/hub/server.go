package hub

import (
	"context"
	"crypto/hpke"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/agent/seal"
	"github.com/lameduck-dev/lameduck/graceful/termination"
)

const (
	// maxCalls bounds the calls of one pod that are open at once: one for each container.
	maxCalls = 16
	// maxOpen bounds the calls of all pods that are open at once.
	maxOpen = 10_000
	// grasp is how long the hub waits to see a pod's deletionTimestamp. The kubelet may start
	// the hook before the hub's informer has heard of it.
	grasp      = 2 * time.Second
	graspEvery = 20 * time.Millisecond
)

// Server is the hub's HTTP handler.
type Server struct {
	hub        *Hub
	key        hpke.PrivateKey
	identities *Identities
	open       chan struct{}
	mux        http.ServeMux
}

// NewServer gives the handler of all calls.
func NewServer(h *Hub, key hpke.PrivateKey, identities *Identities) *Server {
	s := &Server{hub: h, key: key, identities: identities, open: make(chan struct{}, maxOpen)}
	s.mux.HandleFunc("POST "+hubapi.ConfirmPath, func(w http.ResponseWriter, r *http.Request) { serve(s, w, r, s.confirm) })
	s.mux.HandleFunc("POST "+hubapi.RecordPath, func(w http.ResponseWriter, r *http.Request) { serve(s, w, r, s.keep) })
	s.mux.HandleFunc("POST "+hubapi.ReportPath, func(w http.ResponseWriter, r *http.Request) { serve(s, w, r, s.take) })
	return s
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case s.open <- struct{}{}:
		defer func() { <-s.open }()
		s.mux.ServeHTTP(w, r)
	default:
		http.Error(w, "too many calls at once", http.StatusServiceUnavailable)
	}
}

// serve opens a request, has it answered and seals the answer.
func serve[Request, Response any](s *Server, w http.ResponseWriter, r *http.Request, answer func(context.Context, Request) Response) {
	sealed, err := io.ReadAll(http.MaxBytesReader(w, r.Body, hubapi.MaxRequest))
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		return
	}
	plain, respond, err := seal.Open(s.key, sealed)
	if err != nil {
		http.Error(w, "can't be opened: is it sealed to this hub's key?", http.StatusBadRequest)
		return
	}
	var request Request
	if err := json.Unmarshal(plain, &request); err != nil {
		http.Error(w, "is not the JSON of this call", http.StatusBadRequest)
		return
	}
	body, err := json.Marshal(answer(r.Context(), request))
	if err == nil {
		body, err = respond(body)
	}
	if err != nil {
		s.hub.config.Log.Error("hub: sealing an answer", "error", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", hubapi.ContentType)
	if _, err := w.Write(body); err != nil {
		s.hub.config.Log.Debug("hub: writing an answer", "error", err)
	}
}

// identify bounds the check of a token: below the time that an agent leaves a call beyond
// its wait.
const identify = 2 * time.Second

// pod gives the pod that a token stands for.
func (s *Server) pod(ctx context.Context, token string) (*corev1.Pod, error) {
	ctx, cancel := context.WithTimeout(ctx, identify)
	defer cancel()
	identity, err := s.identities.Of(ctx, token)
	if err != nil {
		return nil, err
	}
	pod := s.hub.config.Cluster.Pod(identity.Namespace, identity.Name)
	if pod == nil || string(pod.UID) != identity.UID {
		return nil, fmt.Errorf("pod %s/%s with uid %s is not known", identity.Namespace, identity.Name, identity.UID)
	}
	return pod, nil
}

func (s *Server) confirm(ctx context.Context, request hubapi.ConfirmRequest) hubapi.ConfirmResponse {
	pod, err := s.pod(ctx, request.Token)
	if err != nil {
		return hubapi.ConfirmResponse{Error: err.Error()}
	}
	// Only holding the answer is bounded by the wait: an agent's first call asks for none.
	wait := min(time.Duration(max(request.WaitSeconds, 0))*time.Second, hubapi.MaxWait)
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	if pod = s.leaving(ctx, pod); pod.DeletionTimestamp == nil {
		return hubapi.ConfirmResponse{Final: true, Evidence: []termination.Evidence{{
			Time: time.Now(), Kind: termination.NotTerminating, Source: "hub",
			Detail: "the pod has no deletionTimestamp: no EndpointSlice will stop offering it before it stops being ready",
		}}}
	}
	t, err := s.hub.of(pod)
	if err != nil {
		return hubapi.ConfirmResponse{Error: err.Error()}
	}
	t.follow(pod)
	if !t.enterCall() {
		return hubapi.ConfirmResponse{Error: fmt.Sprintf("this pod has %d calls open already", maxCalls)}
	}
	defer t.leaveCall()
	if request.Confirmed {
		return t.hold(ctx)
	}
	return t.await(ctx)
}

func (s *Server) keep(ctx context.Context, request hubapi.RecordRequest) hubapi.RecordResponse {
	pod, err := s.pod(ctx, request.Token)
	if err == nil {
		if err = s.hub.config.Recorder.Record(pod, request.Records); err != nil {
			s.hub.config.Log.Info("restore: not kept", "pod", pod.Namespace+"/"+pod.Name, "error", err)
		}
		// If the pod's end was told before the record was kept, nobody tells it again.
		if now := s.hub.config.Cluster.Pod(pod.Namespace, pod.Name); now == nil || now.UID != pod.UID {
			s.hub.config.Recorder.Gone(string(pod.UID))
		}
	}
	if err != nil {
		return hubapi.RecordResponse{Error: err.Error()}
	}
	return hubapi.RecordResponse{}
}

func (s *Server) take(ctx context.Context, request hubapi.ReportRequest) hubapi.ReportResponse {
	pod, err := s.pod(ctx, request.Token)
	if err != nil {
		return hubapi.ReportResponse{Error: err.Error()}
	}
	t, err := s.hub.of(pod)
	if err == nil {
		err = t.report(request.Timeline)
	}
	if err != nil {
		return hubapi.ReportResponse{Error: err.Error()}
	}
	return hubapi.ReportResponse{}
}

// leaving gives the pod once it is seen to terminate, or as it is after a moment.
func (s *Server) leaving(ctx context.Context, pod *corev1.Pod) *corev1.Pod {
	ctx, cancel := context.WithTimeout(ctx, grasp)
	defer cancel()
	ticker := time.NewTicker(graspEvery)
	defer ticker.Stop()
	for pod.DeletionTimestamp == nil {
		select {
		case <-ctx.Done():
			return pod
		case <-ticker.C:
		}
		if now := s.hub.config.Cluster.Pod(pod.Namespace, pod.Name); now != nil && now.UID == pod.UID {
			pod = now
		}
	}
	return pod
}
