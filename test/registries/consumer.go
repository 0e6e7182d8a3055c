package registries

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Pass sends a request to a consumer, which passes it on, and returns the pod.name of the provider that answered. A
// lost request is an error.
func (a *RunningApp) Pass(ctx context.Context) (pod string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+a.Address()+"/", nil)
	if err != nil {
		return "", err
	}
	id := rand.Text()
	request.Header.Set("X-Request-Id", id)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var answer struct{ ID, Pod string }
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode == http.StatusOK {
		err = json.Unmarshal(body, &answer)
	}
	if err != nil || answer.ID != id {
		return "", fmt.Errorf("request %s is answered %s: %s", id, response.Status, body)
	}
	return answer.Pod, nil
}

// LastTo sends requests to a consumer for a time, and returns when the last one that this pod answered was sent: zero
// if there was none. It ends at the first lost request.
func (a *RunningApp) LastTo(ctx context.Context, pod string, watched time.Duration) (last time.Duration, err error) {
	const pause = 20 * time.Millisecond
	for start := time.Now(); time.Since(start) < watched; time.Sleep(pause) {
		sent := time.Since(start)
		answered, err := a.Pass(ctx)
		if err != nil {
			return last, err
		}
		if answered == pod {
			last = sent
		}
	}
	return last, nil
}
