package graceful

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/graceful/termination"
)

const s, ms = time.Second, time.Millisecond

func TestSchedule(t *testing.T) {
	for _, tt := range []struct {
		name       string
		group      *Group
		stop       string // in the environment, "-" for unset
		kubernetes bool
		want       schedule
		fails      string
	}{
		{name: "nothing said", stop: "-", want: schedule{0, 4500 * ms, 7200 * ms, 8100 * ms, 9 * s, 500 * ms}},
		{name: "Kubernetes, no hook", stop: "-", kubernetes: true, want: schedule{14 * s, 14 * s, 22400 * ms, 25200 * ms, 28 * s, 500 * ms}},
		{name: "Kubernetes, no hook, sixty seconds", group: &Group{Grace: 60 * s}, stop: "-", kubernetes: true, want: schedule{15 * s, 29 * s, 46400 * ms, 52200 * ms, 58 * s, 500 * ms}},
		{name: "Kubernetes after a hook", stop: "20s", kubernetes: true, want: schedule{0, 9 * s, 14400 * ms, 16200 * ms, 18 * s, 500 * ms}},
		{name: "whole seconds", stop: "20", kubernetes: true, want: schedule{0, 9 * s, 14400 * ms, 16200 * ms, 18 * s, 500 * ms}},
		{name: "Grace before the environment", group: &Group{Grace: 2 * s}, stop: "20s", want: schedule{0, 900 * ms, 1440 * ms, 1620 * ms, 1800 * ms, 100 * ms}},
		{name: "a wait that was asked for", group: &Group{Wait: 3 * s}, stop: "-", want: schedule{3 * s, 4500 * ms, 7200 * ms, 8100 * ms, 9 * s, 500 * ms}},
		{name: "no wait", group: &Group{Wait: -1}, stop: "-", kubernetes: true, want: schedule{0, 14 * s, 22400 * ms, 25200 * ms, 28 * s, 500 * ms}},
		{name: "no time", group: &Group{Grace: -1}, stop: "-", fails: "must be from 0"},
		{name: "words", stop: "soon\n", fails: `LAMEDUCK_STOP is "soon\n": write the time from SIGTERM to SIGKILL, as in 20s`},
		{name: "empty", stop: "", fails: "LAMEDUCK_STOP"},
		{name: "negative", stop: "-3s", fails: "LAMEDUCK_STOP"},
		{name: "for ever", stop: "99999999999999", fails: "LAMEDUCK_STOP"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			setenv(t, "KUBERNETES_SERVICE_HOST", "10.0.0.1", tt.kubernetes)
			setenv(t, termination.StopVariable, tt.stop, tt.stop != "-")
			if tt.group == nil {
				tt.group = new(Group)
			}
			got, err := tt.group.schedule()
			switch {
			case tt.fails != "":
				if err == nil || !strings.Contains(err.Error(), tt.fails) {
					t.Errorf("error %v, want %q", err, tt.fails)
				}
			case err != nil:
				t.Error(err)
			case got != tt.want:
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

// setenv sets a variable for the test, or takes it away.
func setenv(t *testing.T, name, value string, set bool) {
	t.Setenv(name, value)
	if !set {
		_ = os.Unsetenv(name)
	}
}

// unsetenv takes away all that a group goes by in its environment.
func unsetenv(t *testing.T) {
	setenv(t, "KUBERNETES_SERVICE_HOST", "", false)
	setenv(t, termination.StopVariable, "", false)
}
