package registries

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
)

// send sends one request to a server, and returns the body of a 200. Any other answer is in the error.
func send(ctx context.Context, method, url string, header map[string]string, body string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, value := range header {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	const most = 1 << 16
	answer, err := io.ReadAll(io.LimitReader(response.Body, most))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %s", method, url, response.Status, answer)
	}
	return answer, err
}

// fields are the fields of a JSON message.
type fields = map[string]any

// sendJSON sends a request with a JSON message.
func sendJSON(ctx context.Context, method, url string, header map[string]string, message fields) ([]byte, error) {
	body, err := json.Marshal(message)
	if err != nil {
		return nil, err
	}
	all := map[string]string{"Content-Type": "application/json"}
	maps.Copy(all, header)
	return send(ctx, method, url, all, string(body))
}
