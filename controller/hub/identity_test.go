package hub

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
)

func TestWhoMayAsk(t *testing.T) {
	tests := []struct {
		name   string
		status *authenticationv1.TokenReviewStatus
		want   string
	}{
		{"unknown token", nil, "refused"},
		{"another audience", status("system:serviceaccount:shop:default", "a", "uid-a", "api"), "not for the audience"},
		{"not bound to a pod", status("system:serviceaccount:shop:default", "", "", hubapi.Audience), "not bound to a pod"},
		{"a user", status("alice", "a", "uid-a", hubapi.Audience), "not bound to a pod"},
		{"an earlier pod of that name", status("system:serviceaccount:shop:default", "a", "uid-old", hubapi.Audience), "not known"},
		{"the pod of another namespace", status("system:serviceaccount:other:default", "a", "uid-a", hubapi.Audience), "not known"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				s.add("a")
				s.terminate("a")
				s.tokens["token"] = tt.status
				answer := s.confirm("token", 1)
				if answer.Confirmed || !strings.Contains(answer.Error, tt.want) {
					t.Errorf("%+v, want an error with %q", answer, tt.want)
				}
				var record hubapi.RecordResponse
				s.post(hubapi.RecordPath, hubapi.RecordRequest{Token: "token", Records: []string{"nacos"}}, &record)
				if !strings.Contains(record.Error, tt.want) {
					t.Errorf("record: %+v, want an error with %q", record, tt.want)
				}
				var report hubapi.ReportResponse
				s.post(hubapi.ReportPath, hubapi.ReportRequest{Token: "token"}, &report)
				if !strings.Contains(report.Error, tt.want) {
					t.Errorf("report: %+v, want an error with %q", report, tt.want)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if len(s.events) > 0 {
					t.Errorf("events %q", s.events)
				}
			})
		})
	}
}

func TestTokensAreCheckedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.add("a")
		s.terminate("a")
		for range 10 {
			s.confirm("a", 1)
			s.confirm("forged", 1)
		}
		if s.reviews != 2 {
			t.Errorf("%d reviews, want 2", s.reviews)
		}
		time.Sleep(2 * time.Minute)
		s.confirm("a", 1)
		if s.reviews != 3 {
			t.Errorf("%d reviews after a while, want 3", s.reviews)
		}
		for i := range 2 * reviewBurst {
			s.confirm(fmt.Sprint("forged", i), 1)
		}
		if s.reviews > 3+reviewBurst {
			t.Errorf("%d reviews in a flood", s.reviews)
		}
	})
}
