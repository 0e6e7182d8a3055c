package controller

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/agent/seal"
	"github.com/lameduck-dev/lameduck/controller/hub"
	"github.com/lameduck-dev/lameduck/controller/view"
)

// TestTheAgentBeforeIsAnswered: testdata/before/wire.json holds calls that the agent of the minor
// version before has sealed. A pod keeps its agent for as long as it runs, so the hub has to open
// them. The file is renewed with each minor version.
func TestTheAgentBeforeIsAnswered(t *testing.T) {
	text, err := os.ReadFile("testdata/before/wire.json")
	if err != nil {
		t.Fatal(err)
	}
	var before struct {
		Key   string            `json:"hub.key"`
		Calls map[string][]byte `json:"calls"`
	}
	if err := json.Unmarshal(text, &before); err != nil {
		t.Fatal(err)
	}
	key, err := seal.ParsePrivate(before.Key)
	if err != nil {
		t.Fatal(err)
	}
	l := &leader{clientset: fake.NewClientset()}
	h := hub.New(hub.Config{
		View: view.New("zz"), Barriers: func(corev1.IPFamily) hub.Barrier { return nothing{} }, Late: func(string) bool { return false },
		Cluster: l, Observer: &observer{}, Log: slog.New(slog.DiscardHandler),
	})
	defer h.Close()
	server := hub.NewServer(h, key, hub.NewIdentities(l))
	for _, path := range []string{hubapi.ConfirmPath, hubapi.RecordPath, hubapi.ReportPath} {
		recorder := httptest.NewRecorder()
		server.ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, path, bytes.NewReader(before.Calls[path])))
		if recorder.Code != http.StatusOK {
			t.Errorf("%s: HTTP status %d, %s", path, recorder.Code, recorder.Body)
		}
	}
}
