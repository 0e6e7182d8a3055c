//go:build registries

package registries

import (
	"net/http"
	"testing"
	"time"
)

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
				_, err := consumer.Pass(t.Context())
				return err == nil
			}))
		})
	}
}
