package registry

import (
	"strings"
	"testing"
	"time"
)

func TestParseSpec(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"nacos server=a:8848,b:8848 service=orders", "nacos server=a:8848,b:8848 service=orders"},
		{"  nacos\tservice=orders \n server=a:8848 ", "nacos server=a:8848 service=orders"},
		{`nacos service="my orders" group="a \"b\" \\c"`, `nacos group="a \"b\" \\c" service="my orders"`},
		{`nacos service=orders server="a:8848"`, "nacos server=a:8848 service=orders"},
		{"nacos stale=45s quiet=2s port=8080 ip=fd00::3", "nacos ip=fd00::3 port=8080 quiet=2s stale=45s"},
		{"nacos", "nacos"},
	} {
		spec, err := testKinds.ParseSpec(test.text)
		if err != nil || spec.String() != test.want {
			t.Errorf("%q: %q, %v", test.text, spec, err)
		}
	}
}

func TestParseSpecRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "nothing is given; write it as in: nacos server=",
		"nacoss service=a":             `no registry of kind "nacoss": there are nacos`,
		"nacos orders":                 `"orders" is not key=value`,
		"nacos servce=orders":          `no key "servce": there are api, ca-file,`,
		"nacos password=secret":        `no key "password": there are `,
		"nacos service=a service=b":    "service is given twice",
		"nacos service=":               "service=: it is empty",
		`nacos service="a`:             "a quote is not closed",
		"nacos service=a\x00b":         "cannot be printed",
		"nacos port=0":                 "not a port from 1 to 65535",
		"nacos stale=45":               "not a time from 1ms to 1h0m0s, as in 45s",
		"nacos stale=-1s":              "not a time",
		"nacos ip=orders":              "not an IP address",
		"nacos ephemeral=perhaps":      "not true or false",
		strings.Repeat("a", maxSpec+1): "at most 8192",
	} {
		if _, err := testKinds.ParseSpec(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v", text, err)
		}
	}
}

func TestStaleAndQuiet(t *testing.T) {
	own, err := testKinds.ParseSpec("nacos service=a stale=50s quiet=7s")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		spec         Spec
		stale, quiet time.Duration
	}{
		{Spec{Kind: "nacos"}, 40 * time.Second, 5 * time.Second},
		{own, 50 * time.Second, 7 * time.Second},
		{Spec{}, 40 * time.Second, 5 * time.Second}, // of a text that was not understood
	} {
		if test.spec.Stale() != test.stale || test.spec.Quiet() != test.quiet {
			t.Errorf("%q: %v, %v", test.spec, test.spec.Stale(), test.spec.Quiet())
		}
	}
}

func TestSecret(t *testing.T) {
	t.Setenv("TEST_PASSWORD", "from the environment")
	spec, err := testKinds.ParseSpec("nacos password-env=TEST_PASSWORD token-file=/dev/zero ca-file=/dev/zero")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"password", "token", "ca"} {
		if value, err := spec.Secret(name); value != "" || err != nil {
			t.Errorf("%s: %q, %v: a spec by itself reads nothing", name, value, err)
		}
	}
	given := spec.WithSecret("username", "orders").WithSecrets(func(of Spec, name string) (string, error) {
		return "the " + name + " of " + of.Get("service"), nil
	}).With("service", "orders")
	for name, want := range map[string]string{"username": "orders", "password": "the password of orders"} {
		if value, err := given.Secret(name); value != want || err != nil {
			t.Errorf("%s: %q, %v, want %q", name, value, err, want)
		}
	}
}

func FuzzParseSpec(f *testing.F) {
	f.Add("nacos server=a:8848,b:8848 service=orders password-env=P")
	f.Add(`nacos service="my \"orders\"" stale=45s`)
	f.Fuzz(func(t *testing.T, text string) {
		spec, err := testKinds.ParseSpec(text)
		if err != nil {
			return
		}
		again, err := testKinds.ParseSpec(spec.String())
		if err != nil || again.String() != spec.String() {
			t.Errorf("%q was read as %q, which reads as %q, %v", text, spec, again, err)
		}
	})
}
