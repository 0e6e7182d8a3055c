//go:build registries

package registries

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// always fails the test if holds becomes false within span.
func always(t *testing.T, span time.Duration, what string, holds func() bool) {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < span; time.Sleep(100 * time.Millisecond) {
		if !holds() {
			t.Fatalf("after %v: %s", time.Since(begin).Round(time.Millisecond), what)
		}
	}
}

// call returns a server's answer.
func call(t *testing.T, method, address string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return response.StatusCode, string(content)
}

// eurekaStatus is the status of the only instance of orders in a server's live view; empty if there is none.
func eurekaStatus(t *testing.T, instance string) string {
	t.Helper()
	status, body := call(t, "GET", instance)
	if status == http.StatusNotFound {
		return ""
	}
	var answer struct{ Instance struct{ Status string } }
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	return answer.Instance.Status
}

func TestEureka(t *testing.T) {
	servers := ForTest(t, Eureka(EurekaServer{Peers: 2}))
	app := AppForTest(t, App{Framework: Boot3Eureka, Servers: servers.Addresses(), Name: "orders"})
	path := fmt.Sprintf("/eureka/apps/ORDERS/%s:orders:%d", app.IP, app.Port)
	instance, peers := "http://"+servers.Nodes[0].Address+path, "http://"+servers.Nodes[1].Address+path
	both := func(want string) func() bool {
		return func() bool { return eurekaStatus(t, instance) == want && eurekaStatus(t, peers) == want }
	}
	within(t, time.Minute, "the instance UP on both peers", both("UP"))

	t.Run("puts an instance back on a heartbeat", func(t *testing.T) {
		if status, body := call(t, "DELETE", instance); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
		within(t, 10*time.Second, "the instance gone", func() bool { return eurekaStatus(t, instance) == "" })
		t.Logf("back after %v", within(t, time.Minute, "the instance back", both("UP")))
	})

	t.Run("keeps an override through heartbeats, and tells the application", func(t *testing.T) {
		if status, body := call(t, "PUT", instance+"/status?value=OUT_OF_SERVICE"); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
		within(t, 10*time.Second, "it out of service on both peers", both("OUT_OF_SERVICE"))
		health := "http://" + app.Address() + "/actuator/health"
		// A liveness probe there would now restart a pod that is only withdrawn.
		t.Logf("its health failed after %v", within(t, 90*time.Second, "503 from its health", func() bool {
			status, _ := call(t, "GET", health)
			return status == http.StatusServiceUnavailable
		}))
		if status := eurekaStatus(t, instance); status != "OUT_OF_SERVICE" {
			t.Errorf("it is %s", status)
		}
	})

	t.Run("starts the next instance at the address out of service after SIGKILL", func(t *testing.T) {
		app.Kill()
		if err := app.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		always(t, long, "it is not out of service", both("OUT_OF_SERVICE"))
		if status, body := call(t, "DELETE", instance+"/status?value=UP"); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
		within(t, 10*time.Second, "it up on both peers", both("UP"))
	})

	t.Run("has no ghost after a clean stop", func(t *testing.T) {
		if status, body := call(t, "PUT", instance+"/status?value=OUT_OF_SERVICE"); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
		app.Stop()
		within(t, 10*time.Second, "the instance gone", both(""))
		if err := app.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		within(t, time.Minute, "the next instance UP", both("UP"))
	})
}

func TestDubboLeavesByQoS(t *testing.T) {
	servers := ForTest(t, ZooKeeper())
	app := App{Framework: Dubbo3, Servers: servers.Addresses(), Name: "orders"}
	providers := []*RunningApp{AppForTest(t, app), AppForTest(t, app)}
	app.Upstream = "orders"
	consumer := AppForTest(t, app)
	within(t, time.Minute, "an answer", func() bool {
		_, err := consumer.Pass(t.Context())
		return err == nil
	})
	qos := func(command string) (int, string) {
		return call(t, "GET", fmt.Sprintf("http://127.0.0.1:%d/%s", providers[0].QoS, command))
	}
	if status, body := qos("offline"); status != 200 || strings.TrimSpace(body) != "OK" {
		t.Fatalf("%d %q", status, body)
	}
	within(t, 10*time.Second, "it not ready", func() bool {
		status, _ := qos("ready")
		return status == http.StatusServiceUnavailable
	})
	time.Sleep(2 * time.Second)
	providers[0].Kill() // nobody sends to it any more, so nothing is lost
	for range 50 {
		if _, err := consumer.Pass(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
