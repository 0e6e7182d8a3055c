package polaris

import (
	"strings"
	"testing"

	"github.com/lameduck-dev/lameduck/registry/contract"
	"github.com/lameduck-dev/lameduck/registry/web"
)

func TestNew(t *testing.T) {
	contract.Refused(t, Kind, map[string]string{
		"polaris server=p":       "write service=",
		"polaris service=orders": "no server is given: write server=polaris:8090",
	})
}

// TestRestoreNeedsAnAddress: without one, it would be the first instance's that Polaris finds.
func TestRestoreNeedsAnAddress(t *testing.T) {
	c := contract.Open[*Client](t, Kind, "polaris service=orders server=127.0.0.1:1")
	if err := c.Restore(t.Context(), c.spec); err == nil || !strings.Contains(err.Error(), "it needs the instance's ip= and port=") {
		t.Error(err)
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add(200, []byte(`{"code":200000,"info":"execute success","instances":[{"host":"10.0.0.3","port":8080,"healthy":true,"isolate":false}]}`))
	f.Add(400, []byte(`{"code":400303,"info":"not found instances","responses":[{"code":400303}]}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		got, err := parse(web.Answer{Status: status, Body: body})
		if err == nil && got.Code/1000 != status {
			t.Errorf("taken for an answer: %d %q", status, body)
		}
		for _, one := range got.Instances {
			if one.state() == "isolated" != one.out() {
				t.Errorf("%q", body)
			}
		}
	})
}
