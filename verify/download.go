package verify

import (
	"bytes"
	"context"
	"fmt"
)

// download reads long answers to their end, each over a connection of its own.
type download struct{ *httpTarget }

func newDownload(o *targetOptions) Target { return download{newSingle(o)} }

// Send implements Target. The answer's first line may be the echo in JSON, so that a download that is
// cut tells its pod.
func (d download) Send(ctx context.Context, s *Shot) error {
	h := hold(ctx, s)
	defer h.release()
	x := newExchange()
	err := d.read(h, x, s)
	s.Conns = x.conns
	x.learn(s)
	d.dialer.shown(s.ID)
	return h.ending(err)
}

func (d download) read(h *held, x *exchange, s *Shot) error {
	answer, err := d.open(h, x, s)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	h.answered(s)
	if !marked(answer) {
		return &bodyError{"its end is marked by no length and no chunks: nobody could tell whether it is whole"}
	}
	kept, err := readBody(answer.Body, x.buffer[:])
	line, _, _ := bytes.Cut(kept, []byte("\n"))
	_ = s.readEcho(line)
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	return nil
}
