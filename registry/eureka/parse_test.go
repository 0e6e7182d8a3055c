package eureka

import (
	"testing"

	"github.com/lameduck-dev/lameduck/registry/web"
)

func TestAt(t *testing.T) {
	for _, test := range []struct {
		name string
		in   instance
		want int
	}{
		{"plain", instance{Port: port{8080, "true"}, SecurePort: port{443, "false"}}, 8080},
		{"secure", instance{Port: port{8080, "false"}, SecurePort: port{443, "true"}}, 443},
		{"both", instance{Port: port{8080, "true"}, SecurePort: port{443, "true"}}, 8080},
	} {
		if _, got := test.in.at(); got != test.want {
			t.Errorf("%s: %d", test.name, got)
		}
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add(200, []byte(`{"application":{"name":"ORDERS","instance":[{"instanceId":"a","ipAddr":"10.0.0.3","status":"UP","port":{"$":8080,"@enabled":"true"}}]}}`))
	f.Add(200, []byte(`{"instance":{"hostName":"a","status":"UP"}}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		answer := web.Answer{Status: status, Body: body}
		if own, err := parseInstance(answer); err == nil && (status != 200 || own.id() == "" || own.Status == "") {
			t.Errorf("taken for an instance: %d %q", status, body)
		}
		if _, err := parseChanges(answer, "orders"); err == nil && status != 200 {
			t.Errorf("taken for changes: %d %q", status, body)
		}
		if _, err := parseApplication(answer); err == nil && status != 200 {
			t.Errorf("taken for a list: %d %q", status, body)
		}
	})
}
