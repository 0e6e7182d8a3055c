package relay

import (
	"context"
	"io"
	"time"
)

// watch is the body of one watch's answer, with its bytes delayed as the fault says.
type watch struct {
	resource string
	body     io.ReadCloser
	faults   *faults
	ctx      context.Context // ended by a cut
	cancel   context.CancelFunc
	chunks   chan chunk
	current  chunk
}

// chunk is what arrived at once, and when to forward it.
type chunk struct {
	bytes []byte
	due   time.Time
	last  bool
}

// pump reads the API server's bytes as they come, so that a delay does not push back on it.
func (w *watch) pump() {
	buffer := make([]byte, 32<<10)
	for {
		n, err := w.body.Read(buffer)
		next := chunk{
			bytes: append([]byte(nil), buffer[:n]...),
			due:   time.Now().Add(w.faults.delay(w.resource)),
			last:  err != nil,
		}
		select {
		case w.chunks <- next:
		case <-w.ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// Read returns the next bytes once they are due. A broken connection to the API server ends the stream normally, as a
// cut does: client-go treats the two alike, and would list after any other error.
func (w *watch) Read(into []byte) (int, error) {
	for len(w.current.bytes) == 0 {
		if w.current.last {
			return 0, io.EOF
		}
		select {
		case w.current = <-w.chunks:
		case <-w.ctx.Done():
			return 0, io.EOF
		}
		select {
		case <-time.After(time.Until(w.current.due)):
		case <-w.ctx.Done():
			return 0, io.EOF
		}
	}
	n := copy(into, w.current.bytes)
	w.current.bytes = w.current.bytes[n:]
	return n, nil
}

// Close ends the watch on the API server's side too.
func (w *watch) Close() error {
	w.cancel()
	w.faults.mu.Lock()
	delete(w.faults.watches, w)
	w.faults.mu.Unlock()
	return w.body.Close()
}
