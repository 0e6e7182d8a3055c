package verify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/lameduck-dev/lameduck/report"
)

// webSocket holds WebSocket sessions, each over a connection of its own.
type webSocket struct {
	*httpTarget
	hold    time.Duration
	timeout time.Duration // of the answer to a message or a ping
	message string        // empty: pings
}

const (
	messageEvery = time.Second
	answerPoll   = 10 * time.Millisecond
	// closeWait is how long the end of a session may take; it is not judged.
	closeWait = time.Second
)

func newWebSocket(o *targetOptions) Target {
	return webSocket{newSingle(o), o.hold, o.timeout, o.wsMessage}
}

// Send implements Target.
func (w webSocket) Send(ctx context.Context, s *Shot) error {
	h := hold(ctx, s)
	defer h.release()
	x := newExchange()
	c, err := w.dial(h, x, s)
	if err == nil {
		h.answered(s)
		err = w.talk(h, c, s)
	}
	s.Conns = x.conns
	x.learn(s)
	w.dialer.shown(s.ID)
	return err
}

func (w webSocket) dial(h *held, x *exchange, s *Shot) (*websocket.Conn, error) {
	r := w.request(h, x, s)
	transport, release := w.transports.takeOne()
	defer release()
	asItIs := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	//nolint:bodyclose // the library closes it
	c, answer, err := websocket.Dial(r.Context(), r.URL.String(), &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport, CheckRedirect: asItIs}, HTTPHeader: r.Header, Host: r.Host,
	})
	switch {
	case err == nil:
		return c, nil
	case answer != nil && answer.StatusCode != http.StatusSwitchingProtocols:
		return nil, &statusError{answer.StatusCode}
	}
	return nil, h.ending(err)
}

// talk holds the session until its time is over, or until it ends before.
func (w webSocket) talk(h *held, c *websocket.Conn, s *Shot) error {
	session := &session{Conn: c, message: w.message, timeout: w.timeout}
	c.SetReadLimit(-1) // messages are read piece by piece
	var others sync.WaitGroup
	others.Go(func() { session.end(h, w.hold) })
	others.Go(func() { session.keepAsking(h) })
	err := session.listen(h, s)
	h.release()
	others.Wait()
	_ = c.CloseNow()
	return session.judge(err, s)
}

// session is one WebSocket.
type session struct {
	*websocket.Conn
	message string
	timeout time.Duration
	ending  atomic.Bool               // its time is over: nothing more is asked
	over    atomic.Bool               // all that was asked is answered, too
	stalled atomic.Bool               // a message or a ping was not answered in time
	asked   atomic.Pointer[time.Time] // when a message or a ping was sent that is not answered yet; else nil
}

// open reports whether a message is not answered yet.
func (s *session) open() bool { return s.message != "" && s.asked.Load() != nil }

// listen reads messages until the session ends. The first may be the echo in JSON.
func (s *session) listen(ctx context.Context, shot *Shot) error {
	var buffer [bodyKept]byte
	for {
		_, message, err := s.Reader(ctx)
		if err != nil {
			return err
		}
		kept, err := readBody(message, buffer[:])
		if err != nil {
			return err
		}
		if s.message != "" {
			s.asked.Store(nil)
		}
		if !shot.Echoed {
			_ = shot.readEcho(kept)
		}
	}
}

// end closes the session when its time is over. What is not answered by then has until its own timeout,
// or that of the request: a server that is gone would not be noticed otherwise.
func (s *session) end(h *held, lasts time.Duration) {
	if pause(h, lasts) != nil {
		return
	}
	s.ending.Store(true)
	for s.asked.Load() != nil && pause(h, answerPoll) == nil {
		s.cutIfStalled()
	}
	if s.asked.Load() != nil && !errors.Is(context.Cause(h), context.DeadlineExceeded) {
		return // it ended meanwhile
	}
	s.over.Store(true)
	late := time.AfterFunc(closeWait, h.release)
	defer late.Stop()
	_ = s.Close(websocket.StatusNormalClosure, "")
}

// keepAsking sends a message or a ping every second, unless one is not answered yet.
func (s *session) keepAsking(ctx context.Context) {
	for pause(ctx, messageEvery) == nil && !s.ending.Load() {
		if s.asked.Load() != nil {
			s.cutIfStalled()
			continue
		}
		now := time.Now()
		s.asked.Store(&now)
		if err := s.ask(ctx); errors.Is(err, context.DeadlineExceeded) {
			s.cutIfStalled()
		}
	}
}

// ask sends a message, or a ping and waits for its pong. Whether the message is answered shows later.
func (s *session) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if s.message != "" {
		return s.Write(ctx, websocket.MessageText, []byte(s.message))
	}
	err := s.Ping(ctx)
	if err == nil {
		s.asked.Store(nil)
	}
	return err
}

// cutIfStalled cuts the connection if an answer is overdue.
func (s *session) cutIfStalled() {
	if asked := s.asked.Load(); asked != nil && time.Since(*asked) >= s.timeout {
		s.stalled.Store(true)
		_ = s.CloseNow()
	}
}

// told are the codes with which a server tells its client to go elsewhere, or that it has said all.
var told = []websocket.StatusCode{
	websocket.StatusNormalClosure, websocket.StatusGoingAway, websocket.StatusNoStatusRcvd, websocket.StatusServiceRestart,
}

// judge says what the session's end means, which err showed. Without a close frame the client can't
// know what became of its messages; with one that tells it to go, it has lost only an open message.
func (s *session) judge(err error, shot *Shot) error {
	var closed websocket.CloseError
	switch {
	case s.over.Load():
		return nil
	case s.stalled.Load():
		return &kindError{report.Timeout, fmt.Errorf("a message or ping was not answered within %v", s.timeout)}
	case !errors.As(err, &closed):
		return &kindError{report.ClosedKind(int(websocket.StatusAbnormalClosure)), fmt.Errorf("no close frame: %w", err)}
	case slices.Contains(told, closed.Code) && s.open():
		return &kindError{report.ClosedKind(int(closed.Code)), errors.New("closed while a message was not answered yet")}
	case slices.Contains(told, closed.Code):
		shot.Told = true
		return nil
	}
	return &kindError{report.ClosedKind(int(closed.Code)), fmt.Errorf("closed with %q", closed.Reason)}
}
