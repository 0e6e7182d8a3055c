package hub

import (
	"fmt"
	"net/http"
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
		token  string
		status *authenticationv1.TokenReviewStatus // that the API server would give
		want   string
		asked  int // how often it is asked
	}{
		{"no token", "", nil, "not bound to a pod", 0},
		{"garbage", "e30.%.x", nil, "not bound to a pod", 0},
		{"forged", bound("a"), nil, "refused", 1},
		{"another audience", bound("a"), status("system:serviceaccount:shop:default", "a", "uid-a", "api"), "not for the audience", 1},
		{"not bound to a pod", tokenOf("shop", "", ""), status("system:serviceaccount:shop:default", "", "", hubapi.Audience), "not bound to a pod", 0},
		{"a user", bound("a"), status("alice", "a", "uid-a", hubapi.Audience), "not bound to a pod", 1},
		{"an earlier pod of that name", tokenOf("shop", "a", "uid-old"), status("system:serviceaccount:shop:default", "a", "uid-old", hubapi.Audience), "not known", 0},
		{"the pod of another namespace", tokenOf("other", "a", "uid-a"), status("system:serviceaccount:other:default", "a", "uid-a", hubapi.Audience), "not known", 0},
		{"says to be another", bound("a"), status("system:serviceaccount:shop:default", "b", "uid-b", hubapi.Audience), "not that of the pod it names", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				s.add("a")
				s.terminate("a")
				s.tokens[bound("a")] = nil
				s.tokens[tt.token] = tt.status
				var answer hubapi.ConfirmResponse
				s.post(hubapi.ConfirmPath, hubapi.ConfirmRequest{Token: tt.token, WaitSeconds: 1}, &answer)
				if answer.Confirmed || !strings.Contains(answer.Error, tt.want) {
					t.Errorf("%+v, want an error with %q", answer, tt.want)
				}
				var record hubapi.RecordResponse
				s.post(hubapi.RecordPath, hubapi.RecordRequest{Token: tt.token, Records: []string{"nacos"}}, &record)
				if !strings.Contains(record.Error, tt.want) {
					t.Errorf("record: %+v, want an error with %q", record, tt.want)
				}
				var report hubapi.ReportResponse
				s.post(hubapi.ReportPath, hubapi.ReportRequest{Token: tt.token}, &report)
				if !strings.Contains(report.Error, tt.want) {
					t.Errorf("report: %+v, want an error with %q", report, tt.want)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if s.reviews != tt.asked {
					t.Errorf("the API server was asked %d times, want %d", s.reviews, tt.asked)
				}
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
		s.add("forged")
		s.tokens[bound("forged")] = nil
		s.terminate("a")
		for range 10 {
			s.confirm("a", 1)
			s.confirm("forged", 1)
			s.confirm("none", 1)
		}
		if s.reviews != 2 {
			t.Errorf("%d reviews, want 2", s.reviews)
		}
		time.Sleep(2 * time.Minute)
		s.confirm("a", 1)
		if s.reviews != 3 {
			t.Errorf("%d reviews after a while, want 3", s.reviews)
		}
	})
}

// One pod that floods the hub takes nothing from the others, whatever its tokens say (T7).
func TestOnePodCannotSilenceTheHub(t *testing.T) {
	tests := []struct {
		name  string
		token func(i int) string // the flood's
		most  int                // checks that the flood may cost
	}{
		{"with garbage", func(i int) string { return fmt.Sprint("forged", i) }, 0},
		{"in its own name", func(i int) string { return bound("flood") + fmt.Sprint(i) }, podBurst + 10},
		{"in the names of others", func(i int) string { return bound(fmt.Sprint("p", i%100)) + fmt.Sprint(i) }, addressBurst + 10*addressRate},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				s.add("flood")
				for i := range 100 {
					s.add(fmt.Sprint("p", i))
					s.terminate(fmt.Sprint("p", i))
				}
				flood := func(i int) {
					var response hubapi.ConfirmResponse
					s.postFrom("10.9.9.9:4711", hubapi.ConfirmPath, hubapi.ConfirmRequest{Token: tt.token(i)}, &response)
				}
				for i := range 1000 {
					flood(i)
				}
				spent, honest := s.reviews, 0
				for i := range 100 {
					flood(1000 + i)
					var answer hubapi.ConfirmResponse
					code := s.postFrom(fmt.Sprintf("10.1.0.%d:4711", i), hubapi.ConfirmPath, hubapi.ConfirmRequest{Token: bound(fmt.Sprint("p", i))}, &answer)
					if code == http.StatusOK && answer.Error == "" {
						honest++
					}
				}
				if honest != 100 || spent > tt.most {
					t.Errorf("%d of 100 honest first calls were answered; the flood cost %d checks, want at most %d", honest, spent, tt.most)
				}
			})
		})
	}
}
