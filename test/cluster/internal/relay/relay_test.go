package relay

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is a relay in front of an API server that sends what a test tells it to.
type pair struct {
	client  *http.Client
	url     string
	control Client
	server  *httptest.Server
	events  chan string  // sent to every watch
	opened  atomic.Int32 // watches so far
	active  atomic.Int32 // open watches
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{events: make(chan string)}
	p.server = httptest.NewServer(http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		if _, isWatch := watched(request.URL); !isWatch {
			fmt.Fprint(response, "list")
			return
		}
		p.opened.Add(1)
		p.active.Add(1)
		defer p.active.Add(-1)
		_ = http.NewResponseController(response).Flush()
		for {
			select {
			case event := <-p.events:
				fmt.Fprint(response, event)
				_ = http.NewResponseController(response).Flush()
			case <-request.Context().Done():
				return
			}
		}
	}))
	t.Cleanup(p.server.Close)
	upstream, err := url.Parse(p.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	relay := New(upstream, transport, slog.New(slog.DiscardHandler))
	front := httptest.NewServer(relay)
	t.Cleanup(front.Close)
	p.url, p.client = front.URL, front.Client()

	p.control = Client{Socket: filepath.Join(t.TempDir(), "socket")}
	listener, err := net.Listen("unix", p.control.Socket)
	if err != nil {
		t.Fatal(err)
	}
	orders := &http.Server{Handler: relay.Control()}
	go func() { _ = orders.Serve(listener) }()
	t.Cleanup(func() { orders.Close() })
	return p
}

func (p *pair) get(t *testing.T, path string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := p.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	return response
}

func (p *pair) watch(t *testing.T, resource string) io.Reader {
	t.Helper()
	response := p.get(t, "/apis/discovery.k8s.io/v1/"+resource+"?watch=true")
	if response.StatusCode != http.StatusOK {
		t.Fatalf("watching %s: %s", resource, response.Status)
	}
	return response.Body
}

func receive(t *testing.T, from io.Reader, want string) time.Duration {
	t.Helper()
	begin := time.Now()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(from, got); err != nil || string(got) != want {
		t.Fatalf("received %q, %v, want %q", got, err, want)
	}
	return time.Since(begin)
}

func TestPassesOn(t *testing.T) {
	p := newPair(t)
	body, err := io.ReadAll(p.get(t, "/api/v1/services").Body)
	if err != nil || string(body) != "list" {
		t.Errorf("listed %q, %v", body, err)
	}
	watch := p.watch(t, "endpointslices")
	for _, event := range []string{"one", "two"} {
		p.events <- event
		receive(t, watch, event)
	}
}

func TestDelayIsForOneResource(t *testing.T) {
	const delay = 300 * time.Millisecond
	p := newPair(t)
	if err := p.control.Delay(t.Context(), Fault{Resource: "endpointslices", Delay: delay}); err != nil {
		t.Fatal(err)
	}
	for resource, want := range map[string]bool{"endpointslices": true, "services": false} {
		watch := p.watch(t, resource)
		p.events <- "event"
		if got := receive(t, watch, "event"); (got >= delay) != want {
			t.Errorf("%s: the event took %v, with a delay of %v", resource, got, delay)
		}
		closeAll(t, p, resource)
	}
}

// closeAll ends the watches of resource, so that the next event goes to those of another.
func closeAll(t *testing.T, p *pair, resource string) {
	t.Helper()
	if err := p.control.Cut(t.Context(), resource); err != nil {
		t.Fatal(err)
	}
	for p.active.Load() > 0 {
		time.Sleep(time.Millisecond)
	}
}

func TestCut(t *testing.T) {
	p := newPair(t)
	watch := p.watch(t, "endpointslices")
	p.watch(t, "services")
	if err := p.control.Cut(t.Context(), "endpointslices"); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(watch); err != nil || len(rest) > 0 {
		t.Errorf("a cut watch ends with %q, %v", rest, err)
	}
	p.watch(t, "endpointslices")
	if got := p.opened.Load(); got != 3 {
		t.Errorf("the API server saw %d watches, want 3", got)
	}
	if got := p.active.Load(); got != 2 {
		t.Errorf("%d watches are open, want the other one and the new one", got)
	}
}

func TestRelist(t *testing.T) {
	p := newPair(t)
	watch := p.watch(t, "endpointslices")
	if err := p.control.Relist(t.Context(), "endpointslices"); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(watch); err != nil || len(rest) > 0 {
		t.Errorf("the watch ends with %q, %v", rest, err)
	}
	response := p.get(t, "/apis/discovery.k8s.io/v1/endpointslices?watch=true&resourceVersion=5")
	body, _ := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusGone || !strings.Contains(string(body), `"reason":"Expired"`) {
		t.Errorf("the next watch is answered %s: %s", response.Status, body)
	}
	p.watch(t, "endpointslices") // once is enough
}

func TestServerGone(t *testing.T) {
	p := newPair(t)
	watch := p.watch(t, "endpointslices")
	p.server.CloseClientConnections()
	if rest, err := io.ReadAll(watch); err != nil || len(rest) > 0 {
		t.Errorf("a broken watch ends with %q, %v", rest, err)
	}
	p.server.Close()
	if got := p.get(t, "/apis/discovery.k8s.io/v1/endpointslices?watch=true").StatusCode; got != http.StatusTooManyRequests {
		t.Errorf("a watch is answered %d, want 429", got)
	}
	if response, err := p.client.Get(p.url + "/api/v1/services"); err == nil {
		response.Body.Close()
		t.Errorf("a list is answered %s, want a broken connection", response.Status)
	}
}

func TestBadOrders(t *testing.T) {
	p := newPair(t)
	for _, fault := range []Fault{{}, {Resource: "endpointslices", Delay: -1}} {
		if err := p.control.Delay(t.Context(), fault); err == nil {
			t.Errorf("the order %+v passes", fault)
		}
	}
	nobody := Client{Socket: filepath.Join(t.TempDir(), "none")}
	if err := nobody.Cut(t.Context(), "endpointslices"); err == nil || !strings.Contains(err.Error(), "ordering the relay") {
		t.Errorf("no relay: %v", err)
	}
}

// A delay shifts the events in time and keeps their order and spacing.
func TestDelayShifts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		faults := faults{delays: map[string]time.Duration{"x": 5 * time.Second}, watches: map[*watch]struct{}{}}
		reader, writer := io.Pipe()
		body := faults.open("x", reader)
		begin := time.Now()
		go func() {
			for _, event := range []string{"a", "b", "c"} {
				_, _ = io.WriteString(writer, event)
				time.Sleep(time.Second)
			}
			writer.Close()
		}()
		for i, want := range []string{"a", "b", "c"} {
			buffer := make([]byte, 8)
			n, err := body.Read(buffer)
			if err != nil || string(buffer[:n]) != want {
				t.Fatalf("read %q, %v, want %q", buffer[:n], err, want)
			}
			if got, want := time.Since(begin), time.Duration(5+i)*time.Second; got != want {
				t.Errorf("%q came after %v, want %v", buffer[:n], got, want)
			}
		}
		if _, err := body.Read(make([]byte, 8)); !errors.Is(err, io.EOF) {
			t.Errorf("the end is %v", err)
		}
		body.Close()
	})
}

// A cut does not wait for delayed events.
func TestCutDuringDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		faults := faults{
			delays:  map[string]time.Duration{"x": time.Hour},
			watches: map[*watch]struct{}{},
			gone:    map[string]int{},
		}
		reader, writer := io.Pipe()
		body := faults.open("x", reader)
		go func() { _, _ = io.WriteString(writer, "held") }()
		go func() {
			time.Sleep(time.Second)
			faults.cut("x", false)
		}()
		begin := time.Now()
		if n, err := body.Read(make([]byte, 8)); n != 0 || !errors.Is(err, io.EOF) || time.Since(begin) != time.Second {
			t.Errorf("read %d bytes, %v after %v", n, err, time.Since(begin))
		}
		body.Close()
	})
}
