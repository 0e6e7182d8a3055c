package actuator

import (
	"testing"

	"github.com/lameduck-dev/lameduck/registry/web"
)

func TestParseStatus(t *testing.T) {
	for text, want := range map[string][2]string{
		`{"overriddenStatus":"OUT_OF_SERVICE","status":"OUT_OF_SERVICE"}`: {"OUT_OF_SERVICE", "eureka"},
		"UP":                                    {"UP", ""},
		"OUT_OF_SERVICE\n":                      {"OUT_OF_SERVICE", ""},
		"":                                      {"", "nacos"},
		`{"status":"UP"}`:                       {"", "error"},
		`{"status":"","overriddenStatus":"UP"}`: {"", "error"},
		"null":                                  {"", "error"},
		"<html>":                                {"", "error"},
		"UP and running":                        {"", "error"},
	} {
		status, only, err := parseStatus(web.Answer{Status: 200, Body: []byte(text)})
		if err != nil {
			only = "error"
		}
		if status != want[0] || only != want[1] {
			t.Errorf("%s: %q %q %v", text, status, only, err)
		}
	}
}

func FuzzParseStatus(f *testing.F) {
	f.Add([]byte(`{"overriddenStatus":"OUT_OF_SERVICE","status":"OUT_OF_SERVICE"}`))
	f.Add([]byte("UP"))
	f.Fuzz(func(t *testing.T, body []byte) {
		status, only, err := parseStatus(web.Answer{Status: 200, Body: body})
		if err == nil && status != "" && !isWord(status) || err != nil && (status != "" || only != "") || status == "" && only == "eureka" {
			t.Errorf("%q %q %v", status, only, err)
		}
	})
}
