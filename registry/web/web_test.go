package web

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/lameduck-dev/lameduck/registry"
)

func TestBases(t *testing.T) {
	for server, want := range map[string]string{
		"nacos":                         "http://nacos:8848/nacos",
		"nacos:80,10.0.0.3":             "http://nacos:80/nacos http://10.0.0.3:8848/nacos",
		"[fd00::3],[fd00::4]:80":        "http://[fd00::3]:8848/nacos http://[fd00::4]:80/nacos",
		"https://nacos":                 "https://nacos/nacos", // its port is that of https
		"http://nacos/":                 "http://nacos:8848/nacos",
		"https://nacos:8443/other/":     "https://nacos:8443/other",
		"http://nacos/a?token=x#y":      "http://nacos:8848/a",
		",":                             "no server is given: write server=nacos:8848",
		"http://":                       "write it as host:port or as a URL",
		"nacos:port":                    "write it as host:port or as a URL",
		"ftp://nacos":                   "its scheme must be http or https",
		"http://user:hidden@nacos:8848": "credentials do not go in it",
	} {
		got, err := Bases(registry.Spec{Kind: "nacos"}.With("server", server), "8848", "/nacos")
		text := strings.Join(got, " ")
		if err != nil {
			text = err.Error()
		}
		if err == nil && text != want || !strings.Contains(text, want) || strings.Contains(text, "hidden") {
			t.Errorf("%q: %s, want %s", server, text, want)
		}
	}
}

// FuzzText: whatever a server answers is told in one line that a terminal can take.
func FuzzText(f *testing.F) {
	f.Add([]byte("caused by\n\tat x\r\n\x1b[31m"))
	f.Add([]byte(strings.Repeat("é", maxText)))
	f.Add([]byte{0xff, 0xfe})
	f.Fuzz(func(t *testing.T, body []byte) {
		text := Answer{Body: body}.Text()
		if text == "" || len(text) > maxText+len("…") || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
			t.Errorf("%q of %q", text, body)
		}
	})
}
