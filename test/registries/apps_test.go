//go:build registries

package registries

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

// pass sends a request to a consumer and gives the pod that answered it.
func pass(t *testing.T, consumer *RunningApp, id string) (string, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+consumer.Address()+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Request-Id", id)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var answer struct{ ID, Pod string }
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode == http.StatusOK {
		err = json.Unmarshal(body, &answer)
	}
	if err != nil || answer.ID != id {
		return "", fmt.Errorf("request %s is answered %s: %s", id, response.Status, body)
	}
	return answer.Pod, nil
}

func TestConsumersFindProviders(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	for _, test := range []struct {
		framework Framework
		plan      string
	}{{Boot3Eureka, "eureka-auth"}, {Boot3Nacos, "nacos2-auth"}, {Boot3Nacos, "nacos3-auth"}, {Boot27Nacos, "nacos2"}, {Boot27Eureka, "eureka"}, {Dubbo3, "zookeeper"}} {
		t.Run(string(test.framework)+"/"+test.plan, func(t *testing.T) {
			servers := ForTest(t, Plans()[test.plan]())
			app := App{Framework: test.framework, Servers: servers.Addresses(), Login: servers.Login, Name: "orders"}
			AppForTest(t, app)
			app.Name, app.Upstream = "shop", app.Name
			consumer := AppForTest(t, app)
			t.Logf("found after %v", within(t, 2*time.Minute, "an answer", func() bool {
				_, err := pass(t, consumer, "r1")
				return err == nil
			}))
		})
	}
}
