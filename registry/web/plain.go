package web

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// plain says what a transport error means, and what to do.
func plain(ctx context.Context, err error) error {
	var wrapped *url.Error // repeats what the caller says
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	var notTLS tls.RecordHeaderError
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case Certificate(err) != nil:
		return Certificate(err)
	case strings.Contains(err.Error(), "tls: certificate required"):
		return fmt.Errorf("it wants a certificate of its client, of an authority that it knows: give one by cert-file= and key-file= (%w)", err)
	case errors.As(err, &notTLS), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return fmt.Errorf("it does not speak TLS: write its URL with http:// (%w)", err)
	case errors.Is(err, io.EOF):
		return fmt.Errorf("it closed the connection without an answer; if it speaks TLS, write its URL with https:// (%w)", err)
	}
	return err
}

// Certificate says what to do about an error of a server's certificate; nil if it is another error.
func Certificate(err error) error {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &unknown):
		return fmt.Errorf("its certificate is signed by an authority that is not known here: give that one's certificate by ca-file= (%w)", err)
	case errors.As(err, &name):
		return fmt.Errorf("its certificate is for another name: write the server as the certificate does (%w)", err)
	case errors.As(err, &invalid):
		return fmt.Errorf("its certificate does not hold (%w)", err)
	}
	return nil
}

// maxText bounds what is quoted from an answer, in bytes.
const maxText = 300

// Text is the beginning of the answer's body on one line, for people.
func (a Answer) Text() string {
	text := string(a.Body[:min(len(a.Body), 4*maxText)])
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == utf8.RuneError
	}), " ")
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	if text == "" {
		return "(empty)"
	}
	return text
}

// Err says that an answer was not the one asked for, in the server's own words.
func (a Answer) Err() error {
	return fmt.Errorf("%s: answered %d: %s", a.where, a.Status, a.Text())
}

// wantsTLS recognises the answers of Go's and Tomcat's servers to a client that does not speak TLS.
func (a Answer) wantsTLS() bool {
	text := a.Text()
	return a.Status == 400 && (strings.Contains(text, "HTTP request to an HTTPS") || strings.Contains(text, "requires TLS"))
}

// Where is the call that was answered, as in "PUT http://nacos:8848/nacos/v1/ns/instance".
func (a Answer) Where() string { return a.where }
