package actuator

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/lameduck-dev/lameduck/registry/web"
)

// maxStatus is longer than any word for a status, in bytes.
const maxStatus = 64

// parseStatus reads what the endpoint answers, and gives the only backend that answers so, if
// there is one: Eureka's status is an object, Nacos's may be empty, the others' is a word.
func parseStatus(answer web.Answer) (status, only string, err error) {
	text := strings.TrimSpace(string(answer.Body[:min(len(answer.Body), 4<<10)]))
	if text == "" {
		return "", "nacos", nil
	}
	if strings.HasPrefix(text, "{") {
		var got struct {
			Status           string  `json:"status"`
			OverriddenStatus *string `json:"overriddenStatus"`
		}
		if json.Unmarshal(answer.Body, &got) != nil || got.OverriddenStatus == nil || !isWord(got.Status) {
			return "", "", fmt.Errorf("not a status of serviceregistry: %w", answer.Err())
		}
		return got.Status, "eureka", nil
	}
	if !isWord(text) || text == "null" {
		return "", "", fmt.Errorf("not a status of serviceregistry: %w", answer.Err())
	}
	return text, "", nil
}

func isWord(text string) bool {
	return text != "" && len(text) <= maxStatus && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '_'
	})
}
