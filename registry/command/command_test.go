package command

import (
	"bytes"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/lameduck-dev/lameduck/registry/kinds"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run is one run of the program; leave ends at once, by the end of its input.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Main(t.Context(), args, "v1", strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

// TestWrongUsage: nothing is done, and one line says what to write.
func TestWrongUsage(t *testing.T) {
	var names []string
	for _, kind := range kinds.All {
		names = append(names, kind.Name)
	}
	kinds := strings.Join(names, ", ")
	for args, want := range map[string]string{
		"nonsense":  `lameduck-registry: no command "nonsense": it is leave, restore, show, help or version`,
		"help none": `lameduck-registry help: no registry of kind "none": there are ` + kinds,

		"show":                    "lameduck-registry show: no registry is given; write one as in: nacos server=nacos:8848 service=orders",
		"show --none nacos":       "lameduck-registry show: flag provided but not defined: -none; lameduck-registry help lists the flags",
		"show --ip":               "lameduck-registry show: flag needs an argument: -ip; lameduck-registry help lists the flags",
		"show --ip=x nacos":       `lameduck-registry show: invalid value "x" for flag -ip: write an address, as in 10.0.0.3; lameduck-registry help lists the flags`,
		"show --port=0 nacos":     `lameduck-registry show: invalid value "0" for flag -port: write a port from 1 to 65535; lameduck-registry help lists the flags`,
		"leave --budget=0s nacos": `lameduck-registry leave: invalid value "0s" for flag -budget: write a time above 0, as in 60s; lameduck-registry help lists the flags`,
		"leave nacos --budget=1s": "lameduck-registry leave: --budget=1s comes after the registry: write flags before it",

		"show none server=a":    `lameduck-registry show: no registry of kind "none": there are ` + kinds,
		"restore none":          `lameduck-registry restore: no registry of kind "none": there are ` + kinds,
		"restore nacos port=x":  "lameduck-registry restore: registry nacos: port=x: not a port from 1 to 65535",
		"show polaris color=x":  `lameduck-registry show: registry polaris: no key "color": there are `,
		"show nacos server=a":   "lameduck-registry show: registry nacos: no service is given: write service=",
		"show nacos service=a":  "lameduck-registry show: registry nacos a: no server is given: write server=nacos:8848",
		"show etcd server=a":    "lameduck-registry show: registry etcd: no service is given: write service=",
		"restore eureka":        "lameduck-registry restore: registry eureka: no application is given: write service=",
		"show consul service=a": "lameduck-registry show: registry consul a: no server is given: write server=consul:8500",

		"show nacos server=a service=b ca-file=/none":      "lameduck-registry show: registry nacos b: ca-file: open /none: no such file or directory; give the path of one that is mounted here",
		"show nacos server=a service=b ca-file=/dev/null":  "lameduck-registry show: registry nacos b: ca-file: /dev/null holds no PEM certificate",
		"show nacos server=a service=b cert-file=/none":    "lameduck-registry show: registry nacos b: cert-file and key-file go together",
		"restore zookeeper server=a service=b layout=none": "lameduck-registry restore: registry zookeeper b: layout=none: it is spring or dubbo",
	} {
		t.Run(args, func(t *testing.T) {
			code, stdout, stderr := run(t, strings.Fields(args)...)
			if code != ExitUsage || stdout != "" || !strings.HasPrefix(stderr, want) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("code %d, %q, %s\nwant %s", code, stdout, stderr, want)
			}
		})
	}
}

// TestAFailure is said with its place, and the registries behind it are seen to all the same.
func TestAFailure(t *testing.T) {
	const nobody = "server=127.0.0.1:1 service=orders"
	t.Setenv("TEST_USER", "")
	for _, test := range []struct{ name, args, stdout, stderr string }{
		{"show", "show eureka " + nobody + " consul " + nobody, "eureka orders\n" +
			"  leave would fail: GET http://127.0.0.1:1/eureka/apps/orders: dial tcp 127.0.0.1:1: connect: connection refused\n" +
			"consul orders\n" +
			"  leave would fail: GET http://127.0.0.1:1/v1/agent/health/service/name/orders: dial tcp 127.0.0.1:1: connect: connection refused\n", ""},
		{"restore a record", "restore --budget=50ms eureka id=a ip=10.0.0.3 port=80 " + nobody + " consul id=a by=maintenance ip=10.0.0.3 port=80 " + nobody, "",
			"eureka orders: DELETE http://127.0.0.1:1/eureka/apps/orders/a/status: dial tcp 127.0.0.1:1: connect: connection refused\n" +
				"consul orders: GET http://127.0.0.1:1/v1/agent/health/service/name/orders: dial tcp 127.0.0.1:1: connect: connection refused\n"},
		{"restore what is there", "restore --budget=50ms eureka " + nobody, "",
			"eureka orders: GET http://127.0.0.1:1/eureka/apps/orders: dial tcp 127.0.0.1:1: connect: connection refused; when it has gone, give the record that leave printed\n"},
		{"a password that is not there", "show etcd layout=kratos username-env=TEST_USER password-file=/none " + nobody, "etcd orders\n" +
			"  leave would fail: password-file: open /none: no such file or directory; give the path of one that is mounted here\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, stdout, stderr := run(t, strings.Fields(test.args)...)
			if code != ExitFailed || stdout != test.stdout || stderr != test.stderr {
				t.Errorf("code %d\n%s%s", code, stdout, stderr)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	code, all, stderr := run(t, "help")
	if code != ExitDone || stderr != "" {
		t.Errorf("code %d, %s", code, stderr)
	}
	for _, args := range []string{"-h", "--help", "show --help", "restore -h"} {
		if code, stdout, stderr := run(t, strings.Fields(args)...); code != ExitDone || stdout != all || stderr != "" {
			t.Errorf("%s: code %d\n%s%s", args, code, stdout, stderr)
		}
	}
	if code, stdout, stderr := run(t); code != ExitUsage || stdout != "" || stderr != all {
		t.Errorf("without a command: code %d\n%s%s", code, stdout, stderr)
	}
	for _, kind := range kinds.All {
		if !strings.Contains(all, kind.About) {
			t.Errorf("help lacks %s", kind.Name)
		}
		code, about, stderr := run(t, "help", kind.Name)
		if code != ExitDone || stderr != "" || !strings.HasPrefix(about, kind.About+"\n") {
			t.Errorf("%s: code %d\n%s%s", kind.Name, code, about, stderr)
		}
		for _, key := range kind.Keys {
			if !strings.Contains(about, "\n  "+key.Name+"= ") || !strings.Contains(about, key.Help) {
				t.Errorf("help %s lacks %s", kind.Name, key.Name)
			}
		}
	}
	if _, version, _ := run(t, "version"); version != "lameduck-registry v1\n" {
		t.Error(version)
	}
}

// TestSpecs: what the shell has taken apart is put together again.
func TestSpecs(t *testing.T) {
	for _, test := range []struct{ args, want []string }{
		{[]string{"nacos", "service=a"}, []string{"nacos service=a"}},
		{[]string{"nacos service=a", "eureka", "service=b", "ip=10.0.0.3"}, []string{"nacos service=a", "eureka service=b ip=10.0.0.3"}},
		{[]string{"nacos", `service=a "b"`}, []string{`nacos service="a \"b\""`}},
		{[]string{"service=a"}, []string{"service=a"}},
	} {
		if got := specs(test.args); strings.Join(got, "|") != strings.Join(test.want, "|") {
			t.Errorf("%q: %q, want %q", test.args, got, test.want)
		}
	}
}
