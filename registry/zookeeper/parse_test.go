package zookeeper

import (
	"testing"
)

func TestParseInstance(t *testing.T) {
	for text, want := range map[string]node{
		`{"name":"orders","id":"x","address":"10.0.0.3","port":8080,"sslPort":null,"payload":{"metadata":{"instance_status":"UP"}}}`: {address: "10.0.0.3", port: 8080},
		`{"address":"orders-0","port":null,"sslPort":8443}`:                                                                          {address: "orders-0", port: 8443},
		`{"address":"10.0.0.3","port":0}`:                                                                                            {},
		`{"address":"10.0.0.3","port":70000}`:                                                                                        {},
		`{"address":"","port":1}`:                                                                                                    {},
		`{"port":"1"}`:                                                                                                               {},
		`null`:                                                                                                                       {},
		``:                                                                                                                           {},
	} {
		address, port, ok := parseInstance(text)
		if ok != (want.port != 0) || address != want.address || port != want.port {
			t.Errorf("%s: %s %d %t", text, address, port, ok)
		}
	}
}

func TestParseProvider(t *testing.T) {
	for name, want := range map[string]node{
		"dubbo%3A%2F%2F10.0.0.3%3A20880%2Fa.Orders%3Fapplication%3Dorders%26side%3Dprovider": {address: "10.0.0.3", port: 20880},
		"tri%3A%2F%2F10.0.0.3%3A50051%3Fa%3D%2F":                                             {address: "10.0.0.3", port: 50051},
		"dubbo%3A%2F%2F%5Bfd00%3A%3A1%5D%3A20880%2Fa":                                        {address: "fd00::1", port: 20880},
		"dubbo%3A%2F%2Fuser%3Ap%4010.0.0.3%3A1%2Fa":                                          {address: "10.0.0.3", port: 1},
		"dubbo%3A%2F%2F10.0.0.3%2Fa":                                                         {},
		"dubbo%3A%2F%2F10.0.0.3%3A0%2Fa":                                                     {},
		"10.0.0.3%3A20880":                                                                   {},
		"%zz":                                                                                {},
		"":                                                                                   {},
	} {
		address, port, ok := parseProvider(name)
		if ok != (want.port != 0) || ok && (address != want.address || port != want.port) {
			t.Errorf("%s: %s %d %t", name, address, port, ok)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{"address":"10.0.0.3","port":8080}`)
	f.Add("dubbo%3A%2F%2F10.0.0.3%3A20880%2Fa.Orders%3Fapplication%3Dorders")
	f.Fuzz(func(t *testing.T, text string) {
		for _, parse := range []func(string) (string, int, bool){parseInstance, parseProvider} {
			if address, port, ok := parse(text); ok && (address == "" || port < 1 || port > 65535) {
				t.Errorf("%q %d", address, port)
			}
		}
	})
}

func FuzzDecoder(f *testing.F) {
	var e encoder
	e.number(2)
	e.text("a")
	e.text("b")
	f.Add(e.out)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, in []byte) {
		d := decoder{in: in}
		names := d.texts(maxNodes)
		if len(names)*4 > len(in) {
			t.Errorf("%d texts in %d bytes", len(names), len(in))
		}
		d = decoder{in: in}
		if text := d.text(); len(text) > len(in) {
			t.Errorf("%d bytes of text in %d", len(text), len(in))
		}
		if d.stat(); d.err == nil && len(in) < 68+4 {
			t.Errorf("a stat in %d bytes", len(in))
		}
	})
}
