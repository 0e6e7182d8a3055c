package eureka

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/lameduck-dev/lameduck/registry/web"
)

// instance is what is read of one.
type instance struct {
	InstanceID string `json:"instanceId"`
	HostName   string `json:"hostName"`
	IPAddr     string `json:"ipAddr"`
	Status     string `json:"status"`
	Port       port   `json:"port"`
	SecurePort port   `json:"securePort"`
}

type port struct {
	Number  int    `json:"$"`
	Enabled string `json:"@enabled"`
}

func (i instance) at() (string, int) {
	if i.Port.Enabled != "true" && i.SecurePort.Enabled == "true" {
		return i.IPAddr, i.SecurePort.Number
	}
	return i.IPAddr, i.Port.Number
}

// id is what the instance is called by; old clients set none and are called by their host.
func (i instance) id() string {
	if i.InstanceID == "" {
		return i.HostName
	}
	return i.InstanceID
}

// out reports whether consumers are kept from it: they are sent to instances that are UP.
func (i instance) out() bool { return i.Status != "UP" }

func parseApplication(answer web.Answer) ([]instance, error) {
	var got struct {
		Application *struct {
			Instance []instance `json:"instance"`
		} `json:"application"`
	}
	if err := parse(answer, &got); err != nil {
		return nil, err
	}
	if got.Application == nil {
		return nil, fmt.Errorf("not an application: %w", answer.Err())
	}
	return got.Application.Instance, nil
}

// parseChanges reads those of one application from a list of several.
func parseChanges(answer web.Answer, name string) (all []instance, err error) {
	var got struct {
		Applications *struct {
			Application []struct {
				Name     string     `json:"name"`
				Instance []instance `json:"instance"`
			} `json:"application"`
		} `json:"applications"`
	}
	if err := parse(answer, &got); err != nil {
		return nil, err
	}
	if got.Applications == nil {
		return nil, fmt.Errorf("not a list of applications: %w", answer.Err())
	}
	for _, application := range got.Applications.Application {
		if strings.EqualFold(application.Name, name) {
			all = append(all, application.Instance...)
		}
	}
	return all, nil
}

func parseInstance(answer web.Answer) (instance, error) {
	var got struct {
		Instance *instance `json:"instance"`
	}
	if err := parse(answer, &got); err != nil {
		return instance{}, err
	}
	if got.Instance == nil || got.Instance.Status == "" || got.Instance.id() == "" {
		return instance{}, fmt.Errorf("not an instance: %w", answer.Err())
	}
	return *got.Instance, nil
}

func parse(answer web.Answer, into any) error {
	if answer.Status != http.StatusOK {
		return answer.Err()
	}
	if err := json.Unmarshal(answer.Body, into); err != nil {
		return fmt.Errorf("%s: not an answer of Eureka (%w): %s", answer.Where(), err, answer.Text())
	}
	return nil
}

// fromEureka reports whether a 404 is Eureka's own: a proxy's 404, or that of a server with Eureka
// at another path, says nothing about the instance.
func fromEureka(answer web.Answer) bool {
	var spring struct {
		Path *string `json:"path"`
	}
	return len(answer.Body) == 0 || json.Unmarshal(answer.Body, &spring) == nil && spring.Path != nil
}
