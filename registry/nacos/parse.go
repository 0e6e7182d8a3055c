package nacos

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/lameduck-dev/lameduck/registry/web"
)

const defaultCluster = "DEFAULT"

// instance is what is read of one; the rest is left to the server that has it.
type instance struct {
	IP          string  `json:"ip"`
	Port        int     `json:"port"`
	Weight      float64 `json:"weight"`
	Enabled     bool    `json:"enabled"`
	Ephemeral   bool    `json:"ephemeral"`
	ClusterName string  `json:"clusterName"`
}

func (i instance) at() (string, int) { return i.IP, i.Port }

func (i instance) cluster() string {
	if i.ClusterName == "" {
		return defaultCluster
	}
	return i.ClusterName
}

// member is one node of the cluster.
type member struct {
	Address string `json:"address"`
	State   string `json:"state"`
}

// given is 1.x's and 2.x's list for consumers. Its hosts field is always there: without it, an
// answer is something else's, and must not pass for an empty list.
type given struct {
	Hosts *[]instance `json:"hosts"`
}

// page is one page of 1.x's and 2.x's list for administrators.
type page struct {
	List  *[]instance `json:"list"`
	Count int         `json:"count"`
}

type catalog struct {
	Clusters *[]struct {
		Name string `json:"name"`
	} `json:"clusters"`
}

// envelope wraps every answer of 3.x, and the member list of 2.x (with code 200).
type envelope[T any] struct {
	Code    *int   `json:"code"`
	Message string `json:"message"`
	Data    *T     `json:"data"`
}

// loggedIn is a login's answer.
type loggedIn struct {
	AccessToken string `json:"accessToken"`
	TokenTTL    int64  `json:"tokenTtl"` // seconds
}

func (l loggedIn) lifetime() time.Duration {
	return time.Duration(min(max(l.TokenTTL, 0), int64(maxTTL/time.Second))) * time.Second
}

// maxTTL keeps a nonsensical lifetime from overflowing.
const maxTTL = 24 * time.Hour

// decode reads a body that must be JSON of a known form. A page of HTML with status 200, as a
// proxy sends it, is an error.
func decode[T any](answer web.Answer) (T, error) {
	var value T
	if answer.Status >= 500 {
		return value, answer.Err()
	}
	if err := json.Unmarshal(answer.Body, &value); err != nil {
		return value, fmt.Errorf("%s: not an answer of Nacos (%w): %s", answer.Where(), err, answer.Text())
	}
	return value, nil
}

// data reads what is in 3.x's envelope.
func data[T any](answer web.Answer) (T, error) {
	var none T
	box, err := decode[envelope[T]](answer)
	switch {
	case err != nil:
		return none, err
	case answer.Status != 200, box.Code == nil, *box.Code != 0 && *box.Code != 200, box.Data == nil:
		return none, answer.Err()
	}
	return *box.Data, nil
}

// serverError finds the message within what Spring makes of an error, to be quoted without
// the rest of it.
func serverError(answer web.Answer) string {
	var spring struct {
		Message string `json:"message"`
		Data    any    `json:"data"`
	}
	if json.Unmarshal(answer.Body, &spring) != nil || spring.Message == "" {
		return answer.Text()
	}
	if text, is := spring.Data.(string); is && text != "" {
		return text
	}
	return strings.Join(strings.Fields(spring.Message), " ")
}
