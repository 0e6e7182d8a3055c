// Package hubclient speaks to the hub: sealed JSON over HTTP, with neither TLS nor net/http,
// which alone would take the agent over its size.
package hubclient

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hpke"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/agent/seal"
	"github.com/lameduck-dev/lameduck/graceful/termination"
)

const (
	// dialTimeout is for one address: within a cluster a connection takes milliseconds, or never
	// comes.
	dialTimeout = time.Second
	// maxToken bounds the token's file, in bytes; tokens have about 1.5 KiB.
	maxToken = 16 << 10
	// maxHead bounds an answer's status line and headers, in bytes.
	maxHead = 8 << 10
)

// Client calls the hub.
type Client struct {
	Addresses []string // host:port, tried in order
	Key       hpke.PublicKey
	// TokenFile holds the pod's projected token. It is read for each call, since the kubelet
	// renews it.
	TokenFile string
}

// Confirm asks once whether the routers have stopped.
func (c *Client) Confirm(ctx context.Context, question hubapi.Question) (hubapi.ConfirmResponse, error) {
	token, err := c.token()
	if err != nil {
		return hubapi.ConfirmResponse{}, err
	}
	request := hubapi.ConfirmRequest{
		Token: token, WaitSeconds: int(min(question.Wait, hubapi.MaxWait) / time.Second), Confirmed: question.Confirmed,
		News:  &question.News,
		Peers: question.Peers[:min(len(question.Peers), hubapi.MaxPeers)],
	}
	var response hubapi.ConfirmResponse
	if err := c.call(ctx, hubapi.ConfirmPath, request, &response); err != nil {
		return hubapi.ConfirmResponse{}, err
	}
	return response, nil
}

// Report tells the hub what the agent saw.
func (c *Client) Report(ctx context.Context, line termination.Timeline) error {
	token, err := c.token()
	if err != nil {
		return err
	}
	var response hubapi.ReportResponse
	if err := c.call(ctx, hubapi.ReportPath, hubapi.ReportRequest{Token: token, Timeline: line}, &response); err != nil {
		return err
	}
	if response.Error != "" {
		return fmt.Errorf("the hub reports: %s", response.Error)
	}
	return nil
}

// Record tells the hub what is about to be withdrawn from registries.
func (c *Client) Record(ctx context.Context, records []string) error {
	token, err := c.token()
	if err != nil {
		return err
	}
	var response hubapi.RecordResponse
	if err := c.call(ctx, hubapi.RecordPath, hubapi.RecordRequest{Token: token, Records: records}, &response); err != nil {
		return err
	}
	if response.Error != "" {
		return fmt.Errorf("%w: %s", hubapi.ErrRefused, response.Error)
	}
	return nil
}

func (c *Client) token() (string, error) {
	file, err := os.Open(c.TokenFile)
	if err != nil {
		return "", fmt.Errorf("reading the pod's token: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxToken+1))
	if err != nil {
		return "", fmt.Errorf("reading the pod's token: %w", err)
	}
	token := strings.TrimSpace(string(data))
	if token == "" || len(data) > maxToken {
		return "", fmt.Errorf("reading the pod's token: %s has %d bytes, which is no token's size", c.TokenFile, len(data))
	}
	return token, nil
}

// call tries the addresses in order until one answers.
func (c *Client) call(ctx context.Context, path string, request, response any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("encoding a request: %w", err)
	}
	var failures []error
	for _, address := range c.Addresses {
		err := c.ask(ctx, address, path, path, body, response)
		if errors.Is(err, errNotOpened) {
			err = c.ask(ctx, address, path, seal.AnyCall, body, response) // a hub of the version before
		}
		if err == nil {
			return nil
		}
		failures = append(failures, fmt.Errorf("hub at %s: %w", address, err))
		if ctx.Err() != nil {
			break
		}
	}
	if len(failures) == 0 {
		return errors.New("the hub has no address")
	}
	return errors.Join(failures...)
}

// ask asks one address, by a request that is sealed for the call.
func (c *Client) ask(ctx context.Context, address, path, call string, body []byte, response any) error {
	sealed, open, err := seal.Request(c.Key, call, body)
	if err != nil {
		return err
	}
	if len(sealed) > hubapi.MaxRequest {
		return fmt.Errorf("a request of %d bytes is more than the hub takes (%d)", len(sealed), hubapi.MaxRequest)
	}
	answer, err := post(ctx, address, path, sealed)
	if err != nil {
		return err
	}
	if answer, err = open(answer); err != nil {
		return err
	}
	return json.Unmarshal(answer, response)
}

// errNotOpened says that the hub could not open a request.
var errNotOpened = errors.New("the hub could not open the request (400)")

// post sends one request and gives the body of the answer. HTTP/1.0, so that the answer is
// neither chunked nor kept alive: it ends with the connection, and the seal tells if it was cut.
func post(ctx context.Context, address, path string, body []byte) ([]byte, error) {
	dialing, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(dialing, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
	defer stop()
	var request bytes.Buffer
	fmt.Fprintf(&request, "POST %s HTTP/1.0\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", path, address, hubapi.ContentType, len(body))
	request.Write(body)
	if _, err := conn.Write(request.Bytes()); err != nil {
		return nil, cause(ctx, err)
	}
	answer, err := readAnswer(conn)
	return answer, cause(ctx, err)
}

// cause says why ctx is over, if that is why the call failed.
func cause(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// readAnswer reads the body of an answer with status 200.
func readAnswer(from io.Reader) ([]byte, error) {
	limited := &io.LimitedReader{R: from, N: maxHead}
	lines := bufio.NewReader(limited)
	line, err := lines.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("reading the status: %w", err)
	}
	protocol, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	code, err := strconv.Atoi(rest[:min(3, len(rest))])
	if !strings.HasPrefix(protocol, "HTTP/1.") || err != nil {
		return nil, fmt.Errorf("not an HTTP status: %.60q", line)
	}
	switch code {
	case 200:
	case 503:
		return nil, errors.New("is not the leader (503)")
	case 400:
		return nil, errNotOpened
	case 429:
		return nil, errors.New("takes no more calls at once from this address (429)")
	default:
		return nil, fmt.Errorf("status %d", code)
	}
	for strings.TrimSpace(line) != "" {
		if line, err = lines.ReadString('\n'); err != nil {
			return nil, fmt.Errorf("reading the headers: %w", err)
		}
	}
	limited.N = hubapi.MaxResponse + 1
	body, err := io.ReadAll(lines)
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	if len(body) > hubapi.MaxResponse {
		return nil, fmt.Errorf("the answer is larger than %d bytes", hubapi.MaxResponse)
	}
	return body, nil
}
