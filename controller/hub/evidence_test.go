package hub

import (
	"testing"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/controller/view"
)

// TestUnservedIsTold: an agent reads from the evidence whether any Service has the pod.
func TestUnservedIsTold(t *testing.T) {
	for want, state := range map[bool]view.State{
		true:  {},
		false: {Look: view.Look{Left: []view.Fact{{Subject: "shop/cart-abc", Detail: "Service shop/cart"}}}},
	} {
		if got := (hubapi.ConfirmResponse{Confirmed: true, Evidence: lookEvidence(state)}).Unserved(); got != want {
			t.Errorf("%+v: unserved %t", state, got)
		}
	}
}
