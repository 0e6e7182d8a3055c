package termination

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

const s = time.Second

func TestSplit(t *testing.T) {
	tests := []struct {
		name  string
		grace time.Duration
		want  Budget
	}{
		{"what was asked", 60 * s, Default},
		{"more goes to drain", 300 * s, Budget{300 * s, 3 * s, 30 * s, 255 * s, 10 * s, 2 * s}},
		{"the Kubernetes default", 30 * s, Budget{30 * s, 1125 * time.Millisecond, 11250 * time.Millisecond, 5625 * time.Millisecond, 10 * s, 2 * s}},
		{"two seconds", 2 * s, Budget{2 * s, 56250 * time.Microsecond, 562500 * time.Microsecond, 281250 * time.Microsecond, 900 * time.Millisecond, 200 * time.Millisecond}},
		{"none", 0, Budget{}},
		{"negative", -s, Budget{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Default.Split(tt.grace)
			if got != tt.want {
				t.Errorf("Split(%v) = %+v, want %+v", tt.grace, got, tt.want)
			}
			if err := got.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

func FuzzSplit(f *testing.F) {
	f.Add(int64(30*s), int64(3*s), int64(30*s), int64(15*s), int64(10*s), int64(2*s))
	f.Fuzz(func(t *testing.T, grace, announce, confirm, drain, stop, margin int64) {
		day := int64(24 * time.Hour)
		for _, v := range []int64{announce, confirm, drain, stop, margin} {
			if v < 0 || v > day {
				return // parts are validated before they are split
			}
		}
		if grace > day {
			return // longer than any grace period
		}
		b := Budget{Announce: time.Duration(announce), Confirm: time.Duration(confirm), Drain: time.Duration(drain), Stop: time.Duration(stop), Margin: time.Duration(margin)}
		if err := b.Split(time.Duration(grace)).Validate(); err != nil {
			t.Errorf("Split(%v) of %+v: %v", time.Duration(grace), b, err)
		}
	})
}

func TestNeeds(t *testing.T) {
	if got := Default.Needs(); got != Default.Grace {
		t.Errorf("the default budget needs %v of its %v", got, Default.Grace)
	}
	if got := (Budget{Confirm: 1500 * time.Millisecond}).Needs(); got != 2*s {
		t.Errorf("needs %v, want full seconds, rounded up", got)
	}
}

func TestBudgetJSON(t *testing.T) {
	data, err := json.Marshal(Default)
	if err != nil {
		t.Fatal(err)
	}
	var got Budget
	if err := json.Unmarshal(data, &got); err != nil || got != Default {
		t.Errorf("read back %+v, %v from %s", got, err, data)
	}
	if err := json.Unmarshal([]byte(`{"drain":"soon"}`), &got); err == nil || got != Default {
		t.Errorf("a bad duration: error %v, budget %+v", err, got)
	}
}

func TestEnter(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	type entry struct {
		phase Phase
		after time.Duration
		ok    bool
	}
	tests := []struct {
		name    string
		entries []entry
		want    []Phase
	}{
		{"the whole way", []entry{{LameDuck, 0, true}, {Draining, s, true}, {Stopping, 2 * s, true}, {Stopped, 3 * s, true}}, []Phase{LameDuck, Draining, Stopping, Stopped}},
		{"killed at once", []entry{{Killed, 0, true}}, []Phase{Killed}},
		{"again", []entry{{LameDuck, 0, true}, {LameDuck, s, true}}, []Phase{LameDuck}},
		{"backward", []entry{{Draining, 0, true}, {LameDuck, s, false}}, []Phase{Draining}},
		{"two ends", []entry{{Stopped, 0, true}, {Killed, s, false}}, []Phase{Stopped}},
		{"before the last", []entry{{LameDuck, s, true}, {Draining, 0, false}}, []Phase{LameDuck}},
		{"unknown", []entry{{"Gone", 0, false}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var line Timeline
			for _, e := range tt.entries {
				if err := line.Enter(e.phase, start.Add(e.after)); (err == nil) != e.ok {
					t.Errorf("entering %s: %v", e.phase, err)
				}
			}
			var got []Phase
			for _, step := range line.Steps {
				got = append(got, step.Phase)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("phases %v, want %v", got, tt.want)
			}
		})
	}
}

func TestPhaseAt(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	line := Timeline{Steps: []Step{{LameDuck, start}, {Draining, start.Add(s)}, {Killed, start.Add(2 * s)}}}
	for after, want := range map[time.Duration]Phase{-1: Serving, 0: LameDuck, s - 1: LameDuck, s: Draining, 9 * s: Killed} {
		if got := line.PhaseAt(start.Add(after)); got != want {
			t.Errorf("after %v: %s, want %s", after, got, want)
		}
	}
}
