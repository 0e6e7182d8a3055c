package router

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

const (
	maxAnswer = 16 << 20 // bytes of one answer: an Envoy with 10,000 hosts
	maxPiece  = 1 << 20  // bytes of one piece of it, which is held in memory
	maxHeader = 16 << 10
)

// Doors opens the APIs of routers. It follows no redirect and uses no proxy, and each connection is for
// one call.
type Doors struct{ client *http.Client }

// NewDoors gives Doors whose calls take no longer than timeout.
func NewDoors(timeout time.Duration) *Doors {
	return &Doors{&http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            (&net.Dialer{Timeout: timeout}).DialContext,
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: maxHeader,
		},
	}}
}

// At gives the API at a pod's own address.
func (d *Doors) At(address netip.Addr, api API) *Door {
	return &Door{d.client, netip.AddrPortFrom(address.WithZone(""), api.Port), api.Path}
}

// Door is the API of one router.
type Door struct {
	client  *http.Client
	address netip.AddrPort
	path    string
}

// Path is what all paths of the API begin with; it may be empty.
func (d *Door) Path() string { return d.path }

// Get has read take in what the API answers at a path, which may hold a query. An answer that is too
// long ends with an error while it is read.
func (d *Door) Get(ctx context.Context, path string, read func(http.Header, *Body) error) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.address.String()+d.path+path, nil)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", "lameduck")
	response, err := d.client.Do(request)
	if err != nil {
		var wrapped *url.Error // it repeats the address
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return fmt.Errorf("GET %s: %w", d.path+path, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %w: it answers with status %d", d.path+path, ErrClosed, response.StatusCode)
	}
	if err := read(response.Header, NewBody(response.Body)); err != nil {
		return fmt.Errorf("GET %s: %w", d.path+path, err)
	}
	return nil
}

// Body is an answer that is read piece by piece.
type Body struct {
	from        io.Reader
	left, piece int
}

// NewBody bounds what is read.
func NewBody(from io.Reader) *Body { return &Body{from, maxAnswer, maxPiece} }

var errLong = errors.New("its answer is too long")

// Next begins a new piece.
func (b *Body) Next() { b.piece = maxPiece }

// Read reads no more than is left of the piece, and of the whole.
func (b *Body) Read(into []byte) (int, error) {
	bound := min(b.left, b.piece)
	if bound == 0 {
		return 0, errLong
	}
	n, err := b.from.Read(into[:min(len(into), bound)])
	b.left, b.piece = b.left-n, b.piece-n
	return n, err
}
