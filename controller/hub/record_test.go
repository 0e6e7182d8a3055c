package hub

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
)

// recorder notes what it is told, and refuses what is no Nacos.
type recorder []string

func (r *recorder) Gone(uid string) { *r = append(*r, "gone: "+uid) }

// A record that comes in the moment in which the pod ceases to exist is acted on, too (H2).
func TestRecordOfAPodThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.add("a")
		kept := &recorder{}
		s.hub.config.Recorder = vanishing{kept, s}
		var response hubapi.RecordResponse
		s.post(hubapi.RecordPath, hubapi.RecordRequest{Token: bound("a"), Records: []string{"nacos service=orders"}}, &response)
		if want := (recorder{"a: nacos service=orders", "gone: uid-a"}); !slices.Equal(*kept, want) {
			t.Errorf("kept %q, want %q", *kept, want)
		}
	})
}

// vanishing is a recorder during whose work the pod is deleted.
type vanishing struct {
	*recorder
	s *stage
}

func (v vanishing) Record(pod *corev1.Pod, records []string) error {
	v.s.mu.Lock()
	delete(v.s.pods, pod.Namespace+"/"+pod.Name)
	v.s.mu.Unlock()
	return v.recorder.Record(pod, records)
}

func (r *recorder) Record(pod *corev1.Pod, records []string) error {
	if !strings.HasPrefix(records[0], "nacos ") {
		return errors.New("not kept")
	}
	*r = append(*r, pod.Name+": "+strings.Join(records, ", "))
	return nil
}

func TestRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.add("a")
		kept := &recorder{}
		s.server.hub.config.Recorder = kept
		for text, want := range map[string]string{"nacos service=orders": "", "eureka": "not kept"} {
			var response hubapi.RecordResponse
			s.post(hubapi.RecordPath, hubapi.RecordRequest{Token: bound("a"), Records: []string{text}}, &response)
			if response.Error != want {
				t.Errorf("%s: %q, want %q", text, response.Error, want)
			}
		}
		if !slices.Equal(*kept, recorder{"a: nacos service=orders"}) {
			t.Errorf("kept %q", *kept)
		}
	})
}

// TestCleanCutsWholeCharacters: what goes into an Event is valid UTF-8, wherever it is cut.
func TestCleanCutsWholeCharacters(t *testing.T) {
	for n := range 4 {
		if text := clean(strings.Repeat("a", n) + strings.Repeat("鸭", 300)); !utf8.ValidString(text) || len(text) < 190 {
			t.Errorf("%d bytes, valid %t: %q", len(text), utf8.ValidString(text), text[len(text)-6:])
		}
	}
}
