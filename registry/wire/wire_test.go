package wire

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestThereAndBack(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 500, time.UTC)
	for _, e := range []Event{
		{Event: Plan, Registry: "nacos orders", Time: at, StaleSeconds: 40, QuietSeconds: 5},
		{Event: Record, Registry: "nacos orders", Time: at, Spec: "nacos server=a:8848 service=orders"},
		{Event: Failed, Registry: "nacos orders", Time: at, Detail: "no answer", GivenUp: true},
	} {
		var out bytes.Buffer
		if err := Encode(&out, e); err != nil {
			t.Fatal(err)
		}
		got, err := Decode(out.Bytes())
		if err != nil || got != e {
			t.Errorf("%s came back as %+v, %v", out.String(), got, err)
		}
	}
}

func TestSettled(t *testing.T) {
	for _, test := range []struct {
		event Event
		want  bool
	}{
		{Event{Event: Out}, true},
		{Event{Event: Absent}, true},
		{Event{Event: Failed, GivenUp: true}, true},
		{Event{Event: Failed}, false},
		{Event{Event: Back}, false},
		{Event{Event: Withdrawn}, false},
	} {
		if got := test.event.Settled(); got != test.want {
			t.Errorf("%+v: %v", test.event, got)
		}
	}
}

func TestRefused(t *testing.T) {
	for line, want := range map[string]string{
		`{"event":"gone"}`:                  "none of plan",
		`{"event":`:                         "unexpected end",
		strings.Repeat(" ", MaxLine) + "{}": "at most",
	} {
		if _, err := Decode([]byte(line)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v", line, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"event":"out","registry":"nacos orders","time":"2026-03-01T12:00:00Z"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := Decode(line)
		if err != nil {
			return
		}
		if err := Encode(&bytes.Buffer{}, e); err != nil && e.Time.Year() < 10000 && e.Time.Year() >= 0 {
			t.Errorf("%+v: %v", e, err)
		}
	})
}
