package hubapi

import (
	"strings"
	"testing"

	"github.com/lameduck-dev/lameduck/graceful/termination"
)

func TestCheck(t *testing.T) {
	out := termination.Evidence{Kind: termination.SliceNotReady, Subject: "shop/cart-abc"}
	passed := termination.Evidence{Kind: termination.BarrierPassed, Subject: "node1"}
	missed := termination.Evidence{Kind: termination.BarrierMissed, Subject: "node2"}
	tests := []struct {
		name   string
		answer ConfirmResponse
		want   string
	}{
		{"confirmed", ConfirmResponse{Confirmed: true, Evidence: []termination.Evidence{out, passed}}, ""},
		{"not yet", ConfirmResponse{Evidence: []termination.Evidence{out}}, "has not confirmed"},
		{"final", ConfirmResponse{Final: true, Evidence: []termination.Evidence{missed}}, "has not confirmed"},
		{"no evidence", ConfirmResponse{Confirmed: true}, "without evidence"},
		{"against its own evidence", ConfirmResponse{Confirmed: true, Evidence: []termination.Evidence{passed, missed}}, "BarrierMissed node2"},
		{"nobody was told", ConfirmResponse{Confirmed: true, Evidence: []termination.Evidence{{Kind: termination.NotTerminating}}}, "NotTerminating"},
		{"still offered", ConfirmResponse{Confirmed: true, Evidence: []termination.Evidence{out, {Kind: termination.StillOffered, Subject: "shop/cart"}}}, "StillOffered shop/cart"},
		{"a kind of tomorrow", ConfirmResponse{Confirmed: true, Evidence: []termination.Evidence{out, {Kind: "Tomorrow"}}}, "Tomorrow"},
		{"an error beside it", ConfirmResponse{Confirmed: true, Evidence: []termination.Evidence{passed}, Error: "overloaded"}, "overloaded"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.answer.Check()
			if tt.want == "" && err != nil {
				t.Errorf("refused: %v", err)
			}
			if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestUnserved(t *testing.T) {
	slice := termination.Evidence{Kind: termination.SliceNotReady, Subject: "shop/cart-abc"}
	none := termination.Evidence{Kind: termination.SliceNotReady, Detail: "no EndpointSlice holds the pod"}
	passed := termination.Evidence{Kind: termination.BarrierPassed, Subject: "node1"}
	for _, tt := range []struct {
		evidence []termination.Evidence
		want     bool
	}{
		{[]termination.Evidence{none, passed}, true},
		{[]termination.Evidence{slice, passed}, false},
		{[]termination.Evidence{slice, none}, false},
		{[]termination.Evidence{none, slice}, false},
		{[]termination.Evidence{passed}, false},
		{nil, false},
	} {
		if got := (ConfirmResponse{Confirmed: true, Evidence: tt.evidence}).Unserved(); got != tt.want {
			t.Errorf("%+v: %t", tt.evidence, got)
		}
	}
}
