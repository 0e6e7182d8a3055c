package hub

import (
	"context"
	"crypto/hpke"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"time"

	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/agent/seal"
	"github.com/lameduck-dev/lameduck/controller/pace"
)

// Server is the hub's HTTP handler: it limits callers, opens their calls, finds out which pod is
// calling, and seals the answers.
type Server struct {
	hub        *Hub
	key        hpke.PrivateKey
	identities *Identities
	pace       *pace.Paces[netip.Addr]
	strangers  *share[netip.Addr] // calls whose pod is not known yet
	calls      *share[string]     // by the pod's uid
	reads      *pace.Paces[string]
	allReads   *rate.Limiter
	mux        http.ServeMux
}

// NewServer gives the handler of all calls.
func NewServer(h *Hub, key hpke.PrivateKey, identities *Identities) *Server {
	s := &Server{
		hub: h, key: key, identities: identities,
		pace:      pace.New[netip.Addr](callRate, callBurst),
		strangers: newShare[netip.Addr](strangersEach, strangersFew, strangersTotal),
		calls:     newShare[string](callsEach, callsFew, callsTotal),
		reads:     pace.New[string](readRate, readBurst),
		allReads:  rate.NewLimiter(allReadRate, allReadBurst),
	}
	s.handle(hubapi.ConfirmPath, s.confirm)
	s.handle(hubapi.RecordPath, s.keepRecords)
	s.handle(hubapi.ReportPath, s.takeReport)
	return s
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// handle registers the answer to calls of path.
func (s *Server) handle(path string, answer func(context.Context, *corev1.Pod, request) any) {
	s.mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
		c, status, err := s.admit(w, r, path)
		if err != nil {
			http.Error(w, err.Error(), status)
			return
		}
		var response any
		switch {
		case c.err != nil:
			response = refusal{c.err.Error()}
		case !s.calls.takeSlot(string(c.pod.UID)):
			response = refusal{fmt.Sprintf("this pod has %d open calls already, or the hub has too many", callsEach)}
		default:
			defer s.calls.giveSlot(string(c.pod.UID))
			response = answer(r.Context(), c.pod, c.request)
		}
		s.write(w, response, c.respond)
	})
}

// refusal is any call's answer that is nothing but an error.
type refusal struct {
	Error string `json:"error"`
}

// call is a call that could be opened.
type call struct {
	request request
	pod     *corev1.Pod
	err     error // why it is not known whose call it is
	respond func([]byte) ([]byte, error)
}

// admit reads and opens a call, and finds out which pod it comes from. An error is for a caller to
// whom no answer can be sealed.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, path string) (c call, status int, err error) {
	from := source(r.RemoteAddr)
	if !s.pace.Allow(from) || !s.strangers.takeSlot(from) {
		return c, http.StatusTooManyRequests, errors.New("too many calls from this address")
	}
	defer s.strangers.giveSlot(from)
	sealed, err := io.ReadAll(http.MaxBytesReader(w, r.Body, hubapi.MaxRequest))
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		return c, http.StatusRequestEntityTooLarge, errors.New("too large")
	}
	if err != nil {
		return c, http.StatusBadRequest, fmt.Errorf("reading the call: %w", err)
	}
	plain, respond, err := seal.Open(s.key, path, sealed)
	if err != nil {
		plain, respond, err = seal.Open(s.key, seal.AnyCall, sealed)
	}
	if err != nil {
		return c, http.StatusBadRequest, errors.New("can't be opened: is it sealed to this hub's key, for this path?")
	}
	c.respond = respond
	if c.request, err = readRequest(path, plain); err != nil {
		return c, http.StatusBadRequest, errors.New("is not the JSON of this call")
	}
	c.pod, c.err = s.pod(r.Context(), from, c.request.Token)
	return c, http.StatusOK, nil
}

func (s *Server) write(w http.ResponseWriter, response any, respond func([]byte) ([]byte, error)) {
	body, err := json.Marshal(response)
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

// identify bounds the check of a token: less than an agent allows a call beyond its wait.
const identify = 2 * time.Second

// pod gives the pod that a token stands for.
func (s *Server) pod(ctx context.Context, from netip.Addr, token string) (*corev1.Pod, error) {
	claimed, err := claims(token)
	if err != nil {
		return nil, err
	}
	pod := s.hub.config.Cluster.Pod(claimed.Namespace, claimed.Name)
	if pod == nil || string(pod.UID) != claimed.UID {
		return nil, fmt.Errorf("pod %.63s/%.253s with uid %.63s is not known", claimed.Namespace, claimed.Name, claimed.UID)
	}
	ctx, cancel := context.WithTimeout(ctx, identify)
	defer cancel()
	identity, err := s.identities.Of(ctx, from, claimed, token)
	if err != nil {
		return nil, err
	}
	if identity != claimed {
		return nil, errors.New("the token is not that of the pod it names")
	}
	return pod, nil
}
