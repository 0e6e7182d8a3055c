package webhook

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
	admissionv1 "k8s.io/api/admission/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// Bounds on what callers can make the server do. The API server itself gives up after the 5 s of
// the webhook configuration.
const (
	// maxReview is the largest review that is read, in bytes. The API server reads no request of
	// more than 3 MiB (MaxRequestBodyBytes in k8s.io/apiserver's pkg/server/config.go), and a pod
	// that is made comes as one object; the rest is for what the API server adds to it.
	maxReview = 4 << 20
	// largeReview is the size from which a pod can take the processor for seconds: 100,000 ports 2.5 s. Such
	// reviews are read and worked on one at a time. They have no part in what the others wait for:
	// who may make pods can have them asked about without end. A common pod's review is some KiB.
	largeReview = 64 << 10
	// maxSmall bounds the other reviews that are worked on at once, in bytes: some 400 of the usual 10 KiB.
	maxSmall = 4 << 20

	readTime   = 5 * time.Second
	writeTime  = 10 * time.Second
	idleTime   = 2 * time.Minute // longer than the API server keeps idle connections, 90 s
	stopTime   = 5 * time.Second
	maxHeaders = 16 << 10 // bytes
)

// Path is where reviews are posted, before the token.
const Path = "/mutate/"

// TokenFile is the file of the token in the folder of the keys.
const TokenFile = "webhook.token" //nolint:gosec // a name

// IsToken reports whether a text can be the token: 128 bits and more, which the path of a webhook
// configuration can hold. The API server takes labels of DNS only.
func IsToken(text string) bool { return token.MatchString(text) }

var token = regexp.MustCompile(`^[0-9a-f]{32,63}$`)

// ReadToken reads the token in the folder of the keys.
func ReadToken(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, TokenFile))
	if err != nil {
		return "", fmt.Errorf("reading the webhook's token: %w; apply the output of this version's `lameduck install`", err)
	}
	found := strings.TrimSpace(string(text))
	if !IsToken(found) {
		return "", fmt.Errorf("the webhook's token in %s is not one of `lameduck install`", filepath.Join(dir, TokenFile))
	}
	return found, nil
}

// Server answers the API server over TLS. It recognises it by the token in the path, which is only
// in the webhook configuration and in the Secret of the keys. Nobody else is told anything, and
// nothing that they send is read.
type Server struct {
	Address     string
	Token       string
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	Review      func(context.Context, admission.Request) admission.Response
	// Count is told about reviews that could not be read: failed.
	Count func(result string)
	Log   *slog.Logger

	listens atomic.Bool
}

// NeedLeaderElection makes the manager start it on every replica.
func (s *Server) NeedLeaderElection() bool { return false }

// Ready is nil while the server listens.
func (s *Server) Ready(*http.Request) error {
	if !s.listens.Load() {
		return errors.New("the webhook does not listen")
	}
	return nil
}

// Start serves until ctx is done.
func (s *Server) Start(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.Address)
	if err != nil {
		return fmt.Errorf("serving the webhook: %w", err)
	}
	return s.serve(ctx, listener)
}

func (s *Server) serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler: s.handler(),
		// The API server speaks HTTP/1.1 to webhooks (k8s.io/apiserver's pkg/util/webhook/client.go).
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: s.Certificate, NextProtos: []string{"http/1.1"}},
		TLSNextProto:      map[string]func(*http.Server, *tls.Conn, http.Handler){},
		ReadHeaderTimeout: readTime, ReadTimeout: readTime, WriteTimeout: writeTime, IdleTimeout: idleTime,
		MaxHeaderBytes: maxHeaders,
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, visitorKey{}, visitorOf(conn))
		},
		ErrorLog: slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.ServeTLS(&door{Listener: listener}, "", "") }()
	s.listens.Store(true)
	defer s.listens.Store(false)
	select {
	case err := <-failed:
		return fmt.Errorf("serving the webhook: %w", err)
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	if err := server.Shutdown(stopping); err != nil {
		return errors.Join(fmt.Errorf("closing the webhook: %w", err), server.Close())
	}
	return nil
}

type visitorKey struct{}

// handler lets the API server's reviews through, as many at once as there is memory for.
func (s *Server) handler() http.Handler {
	large, small := semaphore.NewWeighted(maxReview), semaphore.NewWeighted(maxSmall)
	path := []byte(Path + s.Token)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refuse := func(status int, why string) {
			w.Header().Set("Connection", "close")
			http.Error(w, why, status)
		}
		if subtle.ConstantTimeCompare([]byte(r.URL.Path), path) != 1 || r.Method != http.MethodPost {
			refuse(http.StatusNotFound, "not found")
			return
		}
		if v, is := r.Context().Value(visitorKey{}).(*visitor); is && v != nil {
			v.door.known(v)
		}
		size := r.ContentLength
		switch {
		case size < 0:
			refuse(http.StatusLengthRequired, "a review must state its length")
			return
		case size > maxReview:
			s.Count("failed")
			s.Log.Warn("webhook: pod admitted as it is", "error", fmt.Sprintf("a review of %d bytes, at most %d are read", size, maxReview))
			refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf("a review of %d bytes, at most %d are read", size, maxReview))
			return
		}
		memory, takes := small, size
		if size > largeReview {
			memory, takes = large, maxReview // all of it: one at a time
		}
		waiting, cancel := context.WithTimeout(r.Context(), readTime)
		defer cancel()
		if err := memory.Acquire(waiting, takes); err != nil {
			s.Count("failed")
			refuse(http.StatusServiceUnavailable, "too many reviews at once")
			return
		}
		defer memory.Release(takes)
		body := make([]byte, size)
		if _, err := io.ReadFull(r.Body, body); err != nil {
			refuse(http.StatusRequestTimeout, "the review did not come in time")
			return
		}
		answer, err := s.answer(r.Context(), body)
		if err != nil {
			s.Count("failed")
			refuse(http.StatusBadRequest, err.Error())
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if _, err := w.Write(answer); err != nil {
			s.Log.Debug("webhook: writing an answer", "error", err)
		}
	})
}

// answer reads a review and gives what becomes of the pod.
func (s *Server) answer(ctx context.Context, body []byte) ([]byte, error) {
	var asked admissionv1.AdmissionReview
	if err := json.Unmarshal(body, &asked); err != nil {
		return nil, fmt.Errorf("reading the review: %w", err)
	}
	if asked.Request == nil || asked.APIVersion != admissionv1.SchemeGroupVersion.String() {
		return nil, fmt.Errorf("%q is not a review of %s", asked.APIVersion, admissionv1.SchemeGroupVersion)
	}
	request := admission.Request{AdmissionRequest: *asked.Request}
	response := s.Review(ctx, request)
	if err := response.Complete(request); err != nil {
		return nil, fmt.Errorf("writing the patch: %w", err)
	}
	asked.Request, asked.Response = nil, &response.AdmissionResponse
	return json.Marshal(asked)
}
