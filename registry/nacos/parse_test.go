package nacos

import (
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/registry/web"
)

func TestLifetime(t *testing.T) {
	for seconds, want := range map[int64]time.Duration{18000: 5 * time.Hour, 0: 0, -1: 0, 1 << 62: maxTTL} {
		if got := (loggedIn{TokenTTL: seconds}).lifetime(); got != want {
			t.Errorf("%d s: %v", seconds, got)
		}
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add(200, []byte(`{"code":0,"message":"success","data":[{"ip":"10.0.0.3","port":8080,"weight":1.0,"enabled":true}]}`))
	f.Add(200, []byte(`{"hosts":[{"ip":"10.0.0.3","port":8080}]}`))
	f.Add(404, []byte(`caused: service DEFAULT_GROUP@@orders is not found!;`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		answer := web.Answer{Status: status, Body: body}
		if list, err := data[[]instance](answer); err == nil && (status != 200 || list == nil) {
			t.Errorf("taken for a list: %d %q", status, body)
		}
		if _, err := decode[given](answer); err == nil && status >= 500 {
			t.Errorf("taken for a list: %d %q", status, body)
		}
		serverError(answer)
		(&Client{}).missing(answer)
	})
}
