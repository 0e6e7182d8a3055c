package registry

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

type address struct {
	ip   string
	port int
}

func TestPick(t *testing.T) {
	all := []address{{"10.0.0.3", 8080}, {"10.0.0.3", 9090}, {"10.0.0.4", 8080}, {"fd00::5", 8080}, {"orders.example", 8080}}
	for _, test := range []struct {
		name  string
		ip    string
		ports []uint16
		spec  string
		want  string // an address, or part of an error
	}{
		{"only one with this address", "10.0.0.4", nil, "nacos", "10.0.0.4:8080"},
		{"declared ports do not count if there is one", "10.0.0.4", []uint16{80}, "nacos", "10.0.0.4:8080"},
		{"a given port counts", "10.0.0.4", nil, "nacos port=80", "10.0.0.4:80 is none of the instances of orders: 10.0.0.3:8080,"},
		{"several, one on a declared port", "10.0.0.3", []uint16{80, 9090}, "nacos", "10.0.0.3:9090"},
		{"several", "10.0.0.3", nil, "nacos", "has 2 instances of 10.0.0.3: say which by port="},
		{"several on declared ports", "10.0.0.3", []uint16{8080, 9090}, "nacos", "say which by port="},
		{"none", "10.0.0.9", nil, "nacos", "10.0.0.9 is none of the instances"},
		{"given address", "10.0.0.9", nil, "nacos ip=10.0.0.4", "10.0.0.4:8080"},
		{"another form of the address", "fd00:0:0::5", nil, "nacos", "[fd00::5]:8080"},
		{"IPv4 in IPv6", "::ffff:10.0.0.4", nil, "nacos", "10.0.0.4:8080"},
	} {
		spec, err := testKinds.ParseSpec(test.spec)
		if err != nil {
			t.Fatal(err)
		}
		pod := Pod{IPs: []netip.Addr{netip.MustParseAddr(test.ip)}, Ports: test.ports}.Of(spec)
		got, err := Pick(pod, spec, "orders", all, func(a address) (string, int) { return a.ip, a.port })
		if text := Address(got.ip, got.port); err == nil && text != test.want || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %s, %v", test.name, text, err)
		}
	}
}

func TestNotFound(t *testing.T) {
	there := []string{"1", "2", "3", "4", "5", "6", "7"}
	err := NotFound("10.0.0.3", "orders", there)
	if want := "not registered: 10.0.0.3 is none of the instances of orders: 1, 2, 3, 4, 5 and 2 more"; err.Error() != want || !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if err := NotFound("10.0.0.3", "orders", nil); err.Error() != "not registered: orders has no instance" {
		t.Error(err)
	}
}

func TestAnywhere(t *testing.T) {
	down := errors.New("down")
	for _, test := range []struct {
		name    string
		answers []error
		asked   int
		want    error
	}{
		{"the first is down", []error{down, nil}, 2, nil},
		{"all are down", []error{down, down}, 2, down},
		{"an answer that every server would give", []error{NoService("orders"), nil}, 1, ErrNoService},
	} {
		asked := 0
		err := Anywhere(make([]string, len(test.answers)), func(string) error { asked++; return test.answers[asked-1] })
		if !errors.Is(err, test.want) || asked != test.asked {
			t.Errorf("%s: %v after %d", test.name, err, asked)
		}
	}
}

func TestEverywhere(t *testing.T) {
	down := errors.New("down")
	for _, test := range []struct {
		name    string
		answers map[string]error
		want    error
	}{
		{"out", map[string]error{"a": nil, "b": nil}, nil},
		{"one is down", map[string]error{"a": down, "b": nil}, down},
		{"both are down", map[string]error{"a": down, "b": errors.New("away")}, down},
		{"one is down, one has it", map[string]error{"a": down, "b": In("10.0.0.3:8080", "b")}, ErrIn},
	} {
		if err := Everywhere([]string{"a", "b"}, func(node string) error { return test.answers[node] }); !errors.Is(err, test.want) || strings.Contains(fmt.Sprint(err), "\n") {
			t.Errorf("%s: %q", test.name, err)
		}
	}
}
