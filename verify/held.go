package verify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// errHeld ends a held request that lasted as long as it should.
var errHeld = errors.New("held as long as it should be")

// errNoAnswer ends a held request that was not answered in time.
var errNoAnswer = fmt.Errorf("no answer in time: %w", context.DeadlineExceeded)

// held is the context of a held request: it bounds the wait for the answer, and then how long the
// request lasts.
type held struct {
	context.Context
	cancel  context.CancelCauseFunc
	opening *time.Timer
	lasting *time.Timer
}

func hold(ctx context.Context, s *Shot) *held {
	h := &held{}
	h.Context, h.cancel = context.WithCancelCause(ctx)
	h.opening = time.AfterFunc(time.Until(s.AnswerBy), func() { h.cancel(errNoAnswer) })
	return h
}

// answered notes that the answer began.
func (h *held) answered(s *Shot) {
	if h.opening.Stop() {
		s.Answered = time.Now()
	}
}

// lastFor ends the request after d.
func (h *held) lastFor(d time.Duration) {
	h.lasting = time.AfterFunc(d, func() { h.cancel(errHeld) })
}

// ending is what an end with err means: nothing when the request lasted as long as it should.
func (h *held) ending(err error) error {
	switch cause := context.Cause(h.Context); {
	case errors.Is(cause, errHeld):
		return nil
	case errors.Is(cause, errNoAnswer):
		return errNoAnswer
	}
	return err
}

// release gives back what the request used.
func (h *held) release() {
	h.opening.Stop()
	if h.lasting != nil {
		h.lasting.Stop()
	}
	h.cancel(nil)
}

// open sends the request over a connection of its own, and gives an answer that is no error.
func (h *httpTarget) open(ctx context.Context, x *exchange, s *Shot) (*http.Response, error) {
	transport, release := h.transports.takeOne()
	defer release()
	answer, err := transport.RoundTrip(h.request(ctx, x, s))
	if err != nil {
		return nil, err
	}
	if answer.StatusCode >= http.StatusBadRequest {
		defer answer.Body.Close()
		if kept, err := readBody(answer.Body, x.buffer[:]); err == nil {
			_ = s.readEcho(kept) // it may name the pod
		}
		return nil, &statusError{answer.StatusCode}
	}
	return answer, nil
}

// marked reports whether the end of an answer's body can be told from a cut: it has a length, or comes
// in chunks or in frames.
func marked(answer *http.Response) bool {
	return answer.ContentLength >= 0 || answer.ProtoMajor > 1 || len(answer.TransferEncoding) > 0
}
