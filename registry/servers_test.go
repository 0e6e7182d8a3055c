package registry

import (
	"strings"
	"testing"
)

func TestParseServer(t *testing.T) {
	for text, want := range map[string]string{
		"nacos server=nacos:8848":                                 "nacos server=nacos:8848",
		"nacos server=nacos:8848 context=/shop secret=nacos":      "nacos context=/shop server=nacos:8848 with nacos",
		"eureka server=http://a:8761/eureka,http://b:8761/eureka": "eureka server=http://a:8761/eureka,http://b:8761/eureka",
		"nacos":                                  "no server is given",
		"nacos secret=nacos":                     "no server is given",
		"":                                       "nothing is given",
		"nacos server=nacos:8848 ca-file=/x":     "ca-file does not say which server",
		"nacos server=nacos:8848 service=orders": "service does not say which server",
		"nacos server=nacos:8848 password-env=HOME": "password-env does not say which server",
		"magic server=a:1":                          "no registry of kind",
		"eureka server=a:1 context=/x":              `no key "context"`,
	} {
		got, err := testKinds.ParseServer(text)
		shown := got.Spec.String()
		if got.Secret != "" {
			shown += " with " + got.Secret
		}
		if err != nil {
			shown = err.Error()
		}
		if err == nil && shown != want || !strings.Contains(shown, want) {
			t.Errorf("%q: %s, want %s", text, shown, want)
		}
	}
}

func TestServersOf(t *testing.T) {
	var all Servers
	for _, text := range []string{
		"nacos server=nacos-0:8848,nacos-1:8848 context=/nacos secret=nacos", "eureka server=https://eureka/eureka", "zookeeper server=zk-0:2181,zk-1:2181/shop",
	} {
		one, err := testKinds.ParseServer(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	for text, want := range map[string]string{
		"nacos server=nacos-0:8848":                            "nacos context=/nacos server=nacos-0:8848,nacos-1:8848",
		"nacos server=nacos-1:8848,nacos-0:8848 context=/evil": "nacos context=/nacos server=nacos-0:8848,nacos-1:8848",
		"nacos server=http://NACOS-0:8848/../evil":             "nacos context=/nacos server=nacos-0:8848,nacos-1:8848",
		"eureka server=https://eureka:443/eureka":              "eureka server=https://eureka/eureka",
		"zookeeper server=zookeeper://zk-0:2181":               "zookeeper server=zk-0:2181,zk-1:2181/shop",
		"nacos server=nacos-0:8848,evil:8848":                  "",
		"nacos server=nacos-0":                                 "",
		"nacos server=nacos-0:8848@evil":                       "",
		"nacos server=http://nacos-0:8848@evil:8848":           "",
		"nacos server=http://evil:8848/#nacos-0:8848":          "",
		"nacos server=evil:8848?nacos-0:8848":                  "",
		"eureka server=nacos-0:8848":                           "",
		"eureka server=http://eureka/eureka":                   "",
		"nacos service=orders":                                 "",
		"nacos server=,":                                       "",
	} {
		spec, err := testKinds.ParseSpec(text)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if one, found := all.Of(spec); found {
			got = one.Within(spec).With("service", "").String()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestInPod(t *testing.T) {
	for server, want := range map[string]bool{
		"": true, "127.0.0.1:22222": true, "localhost:1": true, "http://127.0.0.1:9001/manage": true, "[::1]:80": true, "127.0.0.1": true,
		"10.0.0.8:22222": false, "127.0.0.1:1,evil:1": false, "http://127.0.0.1@evil": false, "127.0.0.1.evil:1": false, "169.254.169.254:80": false,
	} {
		if got := InPod(Spec{Kind: "dubbo"}.With("server", server)); got != want {
			t.Errorf("%q: %v", server, got)
		}
	}
}
