package main

import (
	"bytes"
	"fmt"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

const (
	downloadTime  = 3 * time.Second // unless ?ms= says otherwise
	downloadPause = 100 * time.Millisecond
	eventPause    = 500 * time.Millisecond
	// farewell is how long a stopping application waits for a moment at which no message of a WebSocket
	// can be on its way: right after it has answered one. Clients that say less get it then.
	farewell = 1200 * time.Millisecond
)

// download sends a file slowly. Its first line is the echo.
func (a *app) download(w http.ResponseWriter, r *http.Request, id string) {
	long, err := milliseconds(r, "ms", downloadTime)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a.book.received(id)
	w.Header().Set("Content-Type", "application/octet-stream")
	out := http.NewResponseController(w)
	_, err = w.Write(append(a.echo(r, id), '\n'))
	piece := bytes.Repeat([]byte{0}, 1<<10)
	for end := time.Now().Add(long); err == nil && time.Now().Before(end); time.Sleep(downloadPause) {
		_ = out.Flush()
		_, err = w.Write(piece)
	}
	if err == nil {
		a.book.applied(id)
		_, _ = w.Write(piece)
	}
}

// events sends events until the client goes or the application stops. One that comes back for the events that it
// missed is not counted as another request.
func (a *app) events(w http.ResponseWriter, r *http.Request, id string) {
	again := r.Header.Get("Last-Event-ID") != ""
	if !again {
		a.book.received(id)
		a.book.applied(id)
	}
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	for n := 1; ; n++ {
		if _, err := fmt.Fprintf(w, "id: %d\ndata: %s\n\n", n, a.echo(r, id)); err != nil || out.Flush() != nil {
			return
		}
		select {
		case <-time.After(eventPause):
		case <-r.Context().Done():
			return
		case <-a.leaving:
			return
		}
	}
}

// webSocket sends the echo, and then each message back. When the application stops it is closed with 1001.
func (a *app) webSocket(w http.ResponseWriter, r *http.Request, id string) {
	a.book.received(id)
	a.sessions.Add(1)
	defer a.sessions.Add(-1)
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = c.CloseNow() }()
	a.book.applied(id)
	ctx := r.Context()
	if c.Write(ctx, websocket.MessageText, a.echo(r, id)) != nil {
		return
	}
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-done:
			return
		case <-a.leaving:
		}
		select {
		case <-done:
		case <-time.After(farewell):
			_ = c.Close(websocket.StatusGoingAway, "stopping")
		}
	}()
	for {
		kind, message, err := c.Read(ctx)
		if err != nil || c.Write(ctx, kind, message) != nil {
			return
		}
		if a.stopping.Load() {
			_ = c.Close(websocket.StatusGoingAway, "stopping")
			return
		}
	}
}
