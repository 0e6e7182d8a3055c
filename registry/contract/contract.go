// Package contract tests the registries' clients against real servers. The same assertions run
// against a server that was started for them and, everywhere else, against what such a server has
// said: the tape. A tape is recorded, never written by hand:
//
//	go test -tags registries ./test/contract/nacos -run TestReal -record
package contract

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// exchange is one call and its answer.
type exchange struct {
	Node          int    `json:"node,omitempty"`
	Call          string `json:"call"` // method, path and query, body
	Authenticated bool   `json:"authenticated,omitempty"`
	Status        int    `json:"status"` // 0: it closed the connection instead
	ContentType   string `json:"contentType,omitempty"`
	Location      string `json:"location,omitempty"`
	Body          string `json:"body,omitempty"`
}

// scene is what was said between two changes of the world.
type scene struct {
	Name      string     `json:"name"`
	Exchanges []exchange `json:"exchanges"`
}

type tape struct {
	Facts  map[string]string `json:"facts,omitempty"` // what differs from one recording to the next
	Scenes []scene           `json:"scenes"`
}

// Stage stands between a client and the servers of one registry.
type Stage struct {
	// Servers are the addresses that the client is to be given.
	Servers []string

	t      testing.TB
	live   bool
	record string // the file to write
	mu     sync.Mutex
	tape   tape
	scene  int
	played map[string]int // how often each call of the scene was made
}

// Recorded plays a tape from testdata.
func Recorded(t testing.TB, name string, nodes int) *Stage {
	t.Helper()
	text, err := os.ReadFile(file(name))
	if err != nil {
		t.Fatalf("%v: record it with -tags registries -record", err)
	}
	s := &Stage{t: t, scene: -1}
	if err := json.Unmarshal(text, &s.tape); err != nil {
		t.Fatalf("%s: %v", file(name), err)
	}
	for node := range nodes {
		s.serve(func(w http.ResponseWriter, r *http.Request) { s.play(node, w, r) })
	}
	return s
}

// Live passes calls on to real servers, given as host:port, and writes the tape if it is asked to.
func Live(t testing.TB, name string, record bool, servers ...string) *Stage {
	t.Helper()
	s := &Stage{t: t, live: true, scene: -1, tape: tape{Facts: map[string]string{}}}
	if record {
		s.record = file(name)
		t.Cleanup(s.write)
	}
	for node, server := range servers {
		s.serve(func(w http.ResponseWriter, r *http.Request) { s.pass(node, server, w, r) })
	}
	return s
}

func file(name string) string { return filepath.Join("testdata", "tapes", name+".json") }

func (s *Stage) serve(handler http.HandlerFunc) {
	server := httptest.NewServer(handler)
	s.t.Cleanup(server.Close)
	s.Servers = append(s.Servers, strings.TrimPrefix(server.URL, "http://"))
}

// Live reports whether there are real servers.
func (s *Stage) Live() bool { return s.live }

// Act changes the world, where there is one, and begins the next scene.
func (s *Stage) Act(name string, change func() error) {
	s.t.Helper()
	if s.live && change != nil {
		if err := change(); err != nil {
			s.t.Fatalf("%s: %v", name, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scene++
	s.played = map[string]int{}
	if s.live {
		s.tape.Scenes = append(s.tape.Scenes, scene{Name: name, Exchanges: []exchange{}})
		return
	}
	if s.scene >= len(s.tape.Scenes) || s.tape.Scenes[s.scene].Name != name {
		s.t.Fatalf("the tape has no scene %q here: record it anew", name)
	}
}

// Fact is a value that is known only when there is a world: a port, a name.
func (s *Stage) Fact(name string, find func() string) string {
	if s.live {
		s.tape.Facts[name] = find()
	}
	return s.tape.Facts[name]
}

// Eventually asks until there is no error, or within is over. The tape has the last time only,
// and is asked at once.
func (s *Stage) Eventually(within time.Duration, ask func() error) {
	s.t.Helper()
	const pause = 100 * time.Millisecond
	var err error
	for range int(within/pause) + 1 {
		before := s.exchanges()
		if err = ask(); err == nil {
			return
		}
		if s.live {
			s.unsay(before)
			time.Sleep(pause)
		}
	}
	s.t.Fatalf("%v", err)
}

// exchanges is how many exchanges the scene has; unsay forgets those that came later.
func (s *Stage) exchanges() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.live || s.scene < 0 {
		return 0
	}
	return len(s.tape.Scenes[s.scene].Exchanges)
}

func (s *Stage) unsay(from int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	here := &s.tape.Scenes[s.scene]
	here.Exchanges = here.Exchanges[:from]
}

// Stays asks again and again, and wants no error for all of the time. The tape has the first time
// only, and is asked once.
func (s *Stage) Stays(all time.Duration, ask func() error) {
	s.t.Helper()
	first := -1
	for end := time.Now().Add(all); ; time.Sleep(500 * time.Millisecond) {
		if err := ask(); err != nil {
			s.t.Fatalf("%v", err)
		}
		if !s.live || time.Now().After(end) {
			return
		}
		if first < 0 {
			first = s.exchanges()
		}
		s.unsay(first)
	}
}

// Calls counts the calls of this scene that hold a text.
func (s *Stage) Calls(text string) (count int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.tape.Scenes[s.scene].Exchanges {
		if strings.Contains(e.Call, text) {
			count++
		}
	}
	return count
}

func call(r *http.Request) string {
	body, _ := io.ReadAll(r.Body) // the client is ours and close by
	r.Body.Close()
	return strings.TrimSpace(r.Method + " " + r.URL.RequestURI() + " " + string(body))
}

func authenticated(r *http.Request) bool {
	for _, name := range []string{"Authorization", "X-Consul-Token", "X-Polaris-Token"} {
		if r.Header.Get(name) != "" {
			return true
		}
	}
	return false
}

// pass makes a call of the real server, and keeps what was said.
func (s *Stage) pass(node int, server string, w http.ResponseWriter, r *http.Request) {
	what := call(r)
	_, body, _ := strings.Cut(what, r.URL.RequestURI())
	out, err := http.NewRequestWithContext(r.Context(), r.Method, "http://"+server+r.URL.RequestURI(), strings.NewReader(strings.TrimSpace(body)))
	if err != nil {
		s.t.Error(err)
		return
	}
	out.Header = r.Header.Clone()
	out.Header.Del("Accept-Encoding") // what is kept is text
	response, err := http.DefaultTransport.RoundTrip(out)
	if err != nil { // the client sees it as the server's end of the connection
		s.keepExchange(exchange{Node: node, Call: what, Authenticated: authenticated(r)})
		panic(http.ErrAbortHandler)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	e := exchange{Node: node, Call: what, Authenticated: authenticated(r), Status: response.StatusCode,
		ContentType: response.Header.Get("Content-Type"), Location: response.Header.Get("Location"), Body: mask(string(answer))}
	s.keepExchange(e)
	e.Body = string(answer)
	e.answer(w)
}

func (s *Stage) keepExchange(e exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.scene >= 0 {
		here := &s.tape.Scenes[s.scene]
		here.Exchanges = append(here.Exchanges, e)
	}
}

func (e exchange) answer(w http.ResponseWriter) {
	if e.Status == 0 {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", e.ContentType)
	if e.Location != "" {
		w.Header().Set("Location", e.Location)
	}
	w.WriteHeader(e.Status)
	io.WriteString(w, e.Body) //nolint:errcheck // the client sees it
}

// play answers as the server did: to the same call for the second time what it said the second
// time; the last answer is repeated.
func (s *Stage) play(node int, w http.ResponseWriter, r *http.Request) {
	what := call(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.scene < 0 {
		s.t.Errorf("%s: before the first scene", what)
		return
	}
	key := fmt.Sprint(node, what)
	var found *exchange
	count := 0
	for i, e := range s.tape.Scenes[s.scene].Exchanges {
		if e.Node != node || e.Call != what || e.Authenticated != authenticated(r) {
			continue
		}
		found = &s.tape.Scenes[s.scene].Exchanges[i]
		if count++; count > s.played[key] {
			break
		}
	}
	if found == nil {
		s.t.Errorf("node %d was never asked %q in the scene %q: record it anew", node, what, s.tape.Scenes[s.scene].Name)
		w.WriteHeader(http.StatusTeapot)
		return
	}
	s.played[key]++
	found.answer(w)
}

// tokens are what servers give out; nobody else should have to wonder whether they still hold.
var tokens = regexp.MustCompile(`("(?:accessToken|token)":")[^"]*`)

func mask(body string) string { return tokens.ReplaceAllString(body, "${1}recorded") }

func (s *Stage) write() {
	if s.t.Failed() {
		return
	}
	text, err := json.MarshalIndent(s.tape, "", " ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(s.record), 0o755)
	}
	if err == nil {
		err = os.WriteFile(s.record, append(text, '\n'), 0o644)
	}
	if err != nil {
		s.t.Error(err)
	}
}
