package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/lameduck-dev/lameduck/verify"
)

// errNotThere is a 404.
var errNotThere = errors.New("not there")

// get sends a GET from the first node, and decodes the JSON into answer unless that is nil.
func (e *Env) get(ctx context.Context, url string, answer any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	return e.ask(request, answer)
}

// post sends a form from the first node.
func (e *Env) post(ctx context.Context, url string, form url.Values) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return e.ask(request, nil)
}

func (e *Env) ask(request *http.Request, answer any) error {
	const longest = time.Minute // of any application's work
	client := &http.Client{Timeout: longest, Transport: &http.Transport{DialContext: e.client().DialContext, DisableKeepAlives: true}}
	request.Header.Set(verify.RequestID, "asked-once")
	request.Header.Set("Accept", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return fmt.Errorf("%s: %w", request.URL.Redacted(), errNotThere)
	default:
		return fmt.Errorf("%s: %s", request.URL.Redacted(), response.Status)
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(answer)
}
