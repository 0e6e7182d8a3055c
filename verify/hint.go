package verify

import (
	"bytes"
	"net/http"
	"strings"
)

// PassedOn is the header by which Envoy marks an answer of its backend.
const PassedOn = "X-Envoy-Upstream-Service-Time"

// noPod ends a hint by which a router knew no pod that it could send to.
const noPod = "it knew no pod to send to"

func knewNoPod(hint string) bool { return strings.HasSuffix(hint, ": "+noPod) }

// sign is how an error that a router answers with itself is recognised: by the beginning of its body.
// The texts are those that the real programs answer with; test/routers records them.
type sign struct {
	status int
	body   string
	router string
	means  string
}

var routerSigns = []sign{
	{503, "no healthy upstream", "envoy", noPod},
	{503, "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure", "envoy", "the pod refused the connection"},
	{503, "upstream connect error or disconnect/reset before headers. reset reason: connection timeout", "envoy", "the pod took no connection in time"},
	{503, "upstream connect error or disconnect/reset before headers. reset reason: connection termination", "envoy", "the pod ended the connection before it answered"},
	{504, "upstream request timeout", "envoy", "the pod did not answer in time"},
	{502, "<html>\r\n<head><title>502 Bad Gateway</title></head>", "nginx", "the pod refused or ended the connection, or " + noPod},
	{504, "<html>\r\n<head><title>504 Gateway Time-out</title></head>", "nginx", "the pod did not answer in time"},
	{502, "<html><body><h1>502 Bad Gateway</h1>\nThe server returned an invalid or incomplete response.", "haproxy", "the pod ended the connection before it answered"},
	{503, "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.", "haproxy", "no connection to the pod was made, or " + noPod},
	{504, "<html><body><h1>504 Gateway Time-out</h1>\nThe server didn't respond in time.", "haproxy", "the pod did not answer in time"},
	{503, "no available server", "traefik", noPod},
	{502, "Bad Gateway", "traefik", "the pod refused or ended the connection"},
	{504, "Gateway Timeout", "traefik", "the pod did not answer in time"},
}

// RouterHint is what an error's answer says of a router on the way; empty: nothing. It is a hint: anybody
// can answer so. Of body the beginning is enough.
func RouterHint(status int, header http.Header, body []byte) string {
	for _, s := range routerSigns {
		if s.status == status && bytes.HasPrefix(body, []byte(s.body)) {
			return s.router + ": " + s.means
		}
	}
	switch {
	case status < http.StatusInternalServerError:
	case header.Get(PassedOn) != "":
		return "envoy: it passed on what the pod answered"
	case status == http.StatusBadGateway && len(body) == 0:
		return "a proxy in Go: the pod refused or ended the connection"
	}
	return ""
}
