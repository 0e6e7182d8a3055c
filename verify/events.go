package verify

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// events holds streams of server-sent events, each over a connection of its own, as an EventSource of
// a browser does: it connects again when a stream is cut. The user sees nothing of it.
type events struct {
	*httpTarget
	hold    time.Duration
	timeout time.Duration // of a second connection's answer
}

func newEvents(o *targetOptions) Target {
	e := events{newSingle(o), o.hold, o.timeout}
	e.template.Header.Set("Accept", eventStream)
	e.template.Header.Set("Cache-Control", "no-cache")
	return e
}

const eventStream = "text/event-stream"

// eventLineKept bounds what is looked at of a line.
const eventLineKept = 1 << 10

// Send implements Target.
func (e events) Send(ctx context.Context, s *Shot) error {
	x := newExchange()
	last, err := e.listen(ctx, x, s)
	s.Conns = x.conns
	x.learn(s)
	e.dialer.shown(s.ID)
	if err == nil || !reconnects(err) || aborted(ctx) {
		return err
	}
	if again := e.again(ctx, s, last); again != nil {
		return fmt.Errorf("%w; and when it was opened again: %s", err, detailOf(again)) // err gives the kind
	}
	s.Conns++
	s.Retried = "as an EventSource does after this: " + detailOf(err)
	return nil
}

// reconnects reports whether an EventSource connects again after err: after all but an answer that
// is no stream of events.
func reconnects(err error) bool {
	var status *statusError
	var body *bodyError
	return !errors.As(err, &status) && !errors.As(err, &body) && !errors.Is(err, errNoAnswer)
}

// listen holds one stream. It returns the id of the last event.
func (e events) listen(ctx context.Context, x *exchange, s *Shot) (last string, err error) {
	h := hold(ctx, s)
	defer h.release()
	answer, err := e.stream(h, x, s)
	if err != nil {
		return "", h.ending(err)
	}
	defer answer.Body.Close()
	h.answered(s)
	h.lastFor(e.hold)
	lines := bufio.NewReaderSize(answer.Body, eventLineKept)
	for {
		line, readErr := lines.ReadSlice('\n')
		field, value, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(field) {
		case "id":
			if id := string(value); httpguts.ValidHeaderFieldValue(id) {
				last = id
			}
		case "data":
			if !s.Echoed {
				_ = s.readEcho(value)
			}
		}
		switch {
		case readErr == nil, errors.Is(readErr, bufio.ErrBufferFull):
			continue
		case errors.Is(readErr, io.EOF) && marked(answer):
			s.Told = true
			return last, nil
		case errors.Is(readErr, io.EOF):
			readErr = io.ErrUnexpectedEOF
		}
		return last, h.ending(fmt.Errorf("reading the events: %w", readErr))
	}
}

// stream sends the request, and gives an answer that is a stream of events.
func (e events) stream(ctx context.Context, x *exchange, s *Shot) (*http.Response, error) {
	answer, err := e.open(ctx, x, s)
	if err != nil {
		return nil, err
	}
	if kind := answer.Header.Get("Content-Type"); answer.StatusCode != http.StatusOK || !strings.HasPrefix(kind, eventStream) {
		answer.Body.Close()
		return nil, &bodyError{fmt.Sprintf("status %d and %.60q are no stream of events", answer.StatusCode, kind)}
	}
	return answer, nil
}

// again opens the stream once more, from the event after last.
func (e events) again(ctx context.Context, s *Shot, last string) error {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	once := *e.template
	once.Header = once.Header.Clone()
	once.Header.Set("Last-Event-ID", last)
	second := events{&httpTarget{template: &once, transports: e.transports}, e.hold, e.timeout}
	answer, err := second.stream(ctx, newExchange(), &Shot{ID: s.ID})
	if err != nil {
		return err
	}
	return answer.Body.Close()
}
