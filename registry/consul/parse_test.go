package consul

import (
	"errors"
	"net/http"
	"os"
	"testing"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/contract"
	"github.com/lameduck-dev/lameduck/registry/web"
)

func TestNew(t *testing.T) {
	contract.Refused(t, Kind, map[string]string{
		"consul server=c":                         "write service=",
		"consul service=orders":                   "no server is given",
		"consul service=orders server=c by=magic": "it is deregister or maintenance",
	})
}

func TestPick(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	const head = "consul server=c service=orders "
	for _, test := range []struct {
		name, settings, answer, want string // empty: it is not there
	}{
		{"by address", "", `[{"Service":{"ID":"a","Address":"127.0.0.2","Port":1}},{"Service":{"ID":"b","Address":"127.0.0.1","Port":1}}]`, "b"},
		{"by the pod's name", "", `[{"Service":{"ID":"a","Address":"other","Port":1}},{"Service":{"ID":"b","Address":"` + host + `","Port":1}}]`, "b"},
		{"the pod's name is not another's", "ip=10.0.0.9", `[{"Service":{"ID":"b","Address":"` + host + `","Port":1}}]`, ""},
		{"by the node's address", "", `[{"Node":{"Address":"127.0.0.1"},"Service":{"ID":"a","Port":1}}]`, "a"},
		{"by port", "port=2", `[{"Service":{"ID":"a","Address":"127.0.0.1","Port":1}},{"Service":{"ID":"b","Address":"127.0.0.1","Port":2}}]`, "b"},
		{"by id", "id=b", `[{"Service":{"ID":"a","Address":"127.0.0.1"}},{"Service":{"ID":"b","Address":"a.name"}}]`, "b"},
		{"by id, at no address", "id=b", `[{"Node":{"Address":"10.0.0.8"},"Service":{"ID":"b"}}]`, "b"},
		{"by id, which another has at another agent", "id=b", `[{"Service":{"ID":"b","Address":"127.0.0.2"}}]`, ""},
		{"none", "", `[]`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := contract.Open[*Client](t, Kind, head+test.settings)
			all, err := c.parse(web.Answer{Status: http.StatusOK, Body: []byte(test.answer)}, http.StatusOK)
			if err != nil {
				t.Fatal(err)
			}
			own, err := c.pick("orders", all)
			if own.Service.ID != test.want || (test.want == "") != errors.Is(err, registry.ErrNotFound) {
				t.Errorf("%q, %v, want %q", own.Service.ID, err, test.want)
			}
		})
	}
}

// TestFiltered: an empty answer to one who may not see what there is does not say that it is out.
func TestFiltered(t *testing.T) {
	c := contract.Open[*Client](t, Kind, "consul server=c service=orders")
	answer := web.Answer{Status: http.StatusOK, Body: []byte(`[]`), Header: http.Header{"X-Consul-Results-Filtered-By-Acls": {"true"}}}
	if _, err := c.parse(answer, http.StatusOK); !errors.Is(err, registry.ErrDenied) {
		t.Error(err)
	}
}

// TestRecord is taken by the controller only with the pod's own address, and parsed anew.
func TestRecord(t *testing.T) {
	for answer, want := range map[string]string{
		`[{"Service":{"ID":"b","Address":"127.0.0.1","Port":80}}]`: "ip=127.0.0.1 port=80",
		`[{"Service":{"ID":"b","Address":"a.name"}}]`:              "ip=127.0.0.1",
		`[{"Service":{"ID":"b"}}]`:                                 "ip=127.0.0.1",
	} {
		c := contract.Open[*Client](t, Kind, "consul server=c service=orders id=b by=maintenance")
		all, err := c.parse(web.Answer{Status: http.StatusOK, Body: []byte(answer)}, http.StatusOK)
		if err != nil {
			t.Fatal(err)
		}
		record := c.record(all[0]).String()
		if record != "consul by=maintenance id=b "+want+" server=c service=orders" {
			t.Errorf("%s: %s", answer, record)
		}
		if _, err := (registry.Kinds{Kind}).ParseSpec(record); err != nil {
			t.Error(err)
		}
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add(200, []byte(`[{"Node":{"Node":"n","Address":"10.0.0.1"},"Service":{"ID":"orders-0","Address":"10.0.0.3","Port":8080},"Checks":[{"CheckID":"_service_maintenance:orders-0","Status":"critical"}]}]`))
	f.Add(404, []byte(`[]`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		c := contract.Open[*Client](t, Kind, "consul server=c service=orders")
		all, err := c.parse(web.Answer{Status: status, Body: body}, http.StatusOK)
		if err == nil && (status != 200 || all == nil) {
			t.Errorf("taken for an answer: %d %q", status, body)
		}
		for _, one := range all {
			if one.Service.ID == "" {
				t.Errorf("taken for an instance: %q", body)
			}
			one.maintained()
			one.mayBe(c)
		}
	})
}
