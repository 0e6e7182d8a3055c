package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/lameduck-dev/lameduck/verify/ledger"
)

const (
	workMax = time.Minute // of ?ms= and ?stream=
	bodyMax = 1 << 20
	// streamPause is the pause between two chunks of a streamed answer.
	streamPause = 500 * time.Millisecond
)

// app answers requests.
type app struct {
	config   *config
	book     *book
	server   *http.Server
	calls    *grpc.Server
	stopping atomic.Bool
	leaving  chan struct{} // closed when streams that have no end of their own must find one
	sessions atomic.Int64  // WebSockets, which the server does not know any more

	mu    sync.Mutex
	conns map[net.Conn]connState
}

// connState is a connection's state, and since when it has had it.
type connState struct {
	state http.ConnState
	since time.Time
}

func newApp(c *config, b *book) *app {
	a := &app{config: c, book: b, conns: map[net.Conn]connState{}, leaving: make(chan struct{})}
	a.server = &http.Server{Handler: a, ConnState: a.connState, ReadHeaderTimeout: 10 * time.Second, Protocols: &http.Protocols{}}
	a.calls = a.newCalls()
	a.server.Protocols.SetHTTP1(true)
	a.server.Protocols.SetUnencryptedHTTP2(true)
	return a
}

// connState keeps track of the connections.
func (a *app) connState(c net.Conn, state http.ConnState) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch state {
	case http.StateClosed, http.StateHijacked:
		delete(a.conns, c)
	default:
		a.conns[c] = connState{state: state, since: time.Now()}
	}
}

func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/readyz", "/livez":
		w.WriteHeader(http.StatusOK)
	case "/ledger":
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(a.book.summary())
	case "/":
		a.identified(w, r, a.serve)
	case "/ws":
		a.identified(w, r, a.webSocket)
	case "/events":
		a.identified(w, r, a.events)
	case "/download":
		a.identified(w, r, a.download)
	default:
		http.NotFound(w, r)
	}
}

// stream streams the beginning of the answer for that long: white space in chunks, with which JSON may
// begin.
func (a *app) stream(w http.ResponseWriter, long time.Duration) {
	for end := time.Now().Add(long); time.Now().Before(end); time.Sleep(streamPause) {
		if _, err := io.WriteString(w, "\n"); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
	}
}

// milliseconds reads a query parameter, or returns absent if there is none.
func milliseconds(r *http.Request, name string, absent time.Duration) (time.Duration, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return absent, nil
	}
	ms, err := strconv.ParseUint(text, 10, 32)
	value := time.Duration(ms) * time.Millisecond
	if err != nil || value > workMax {
		return 0, fmt.Errorf("?%s= must be a number of milliseconds, at most 60000", name)
	}
	return value, nil
}

// identified serves a request that has an id.
func (a *app) identified(w http.ResponseWriter, r *http.Request, serve func(http.ResponseWriter, *http.Request, string)) {
	id := r.Header.Get("X-Request-Id")
	if !ledger.ValidID(id) {
		http.Error(w, "the header X-Request-Id must hold 1 to 128 printable bytes", http.StatusBadRequest)
		return
	}
	if a.stopping.Load() {
		w.Header().Set("Connection", "close") // over HTTP/2 it becomes a GOAWAY
	}
	serve(w, r, id)
}

// echo is what an answer says of its request and of the pod.
func (a *app) echo(r *http.Request, id string) []byte {
	text, _ := json.Marshal(map[string]any{"id": id, "pod": a.config.pod, "peer": r.RemoteAddr, "ledger": true})
	return text
}

// serve does the work of one request. The ledger has it as applied before the answer is written,
// like an application that commits before it answers.
func (a *app) serve(w http.ResponseWriter, r *http.Request, id string) {
	work, workErr := milliseconds(r, "ms", a.config.work)
	stream, streamErr := milliseconds(r, "stream", 0)
	if err := errors.Join(workErr, streamErr); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a.book.received(id)
	if _, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, bodyMax)); err != nil {
		http.Error(w, "reading the body: "+err.Error(), http.StatusBadRequest)
		return
	}
	time.Sleep(work)
	w.Header().Set("Content-Type", "application/json")
	if a.stopping.Load() { // it may have begun to stop since
		w.Header().Set("Connection", "close")
	}
	a.stream(w, stream)
	a.book.applied(id)
	_, _ = w.Write(append(a.echo(r, id), '\n'))
}
