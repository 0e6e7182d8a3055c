package verify

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"golang.org/x/net/http2"

	"github.com/lameduck-dev/lameduck/report"
)

// unsentError is the error of a request that was due and not sent.
type unsentError struct {
	kind report.Kind
	why  string
}

func (e *unsentError) Error() string { return e.why }

// kindError is an error whose kind was known where it was seen.
type kindError struct {
	kind report.Kind
	err  error
}

func (e *kindError) Error() string { return e.err.Error() }
func (e *kindError) Unwrap() error { return e.err }

// kindOf says how a request was lost, from its error.
func kindOf(err error) (kind report.Kind, status int) {
	var failed *statusError
	if errors.As(err, &failed) {
		return report.Status, failed.status
	}
	var unsent *unsentError
	if errors.As(err, &unsent) {
		return unsent.kind, 0
	}
	var body *bodyError
	if errors.As(err, &body) {
		return report.BadBody, 0
	}
	var named *kindError
	if errors.As(err, &named) {
		return named.kind, 0
	}
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return report.Refused, 0
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNABORTED):
		return report.Reset, 0
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return report.Unreachable, 0
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return report.Timeout, 0
	case errors.As(err, &http2.StreamError{}):
		return report.RSTStream, 0
	// net/http keeps its errors of HTTP/2 connections to itself.
	case strings.Contains(err.Error(), "GOAWAY"):
		return report.GoAway, 0
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return report.EOF, 0
	// net/http keeps these errors to itself.
	case strings.HasSuffix(err.Error(), "server closed idle connection"), strings.Contains(err.Error(), "http2: client conn "):
		return report.EOF, 0
	case errors.As(err, &timeout) && timeout.Timeout():
		return report.Timeout, 0
	case errors.As(err, &dns):
		return report.Unreachable, 0
	}
	return report.Other, 0
}
