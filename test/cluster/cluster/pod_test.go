package cluster

import "testing"

func TestTaskPID(t *testing.T) {
	const list = "TASK    PID     STATUS    \nab12    4711    RUNNING\nab123    4712    STOPPED\n"
	for _, tt := range []struct {
		id   string
		want int
	}{{"ab12", 4711}, {"ab123", 0}, {"ab", 0}, {"TASK", 0}} {
		got, err := taskPID(list, tt.id)
		if got != tt.want || (err == nil) != (tt.want > 0) {
			t.Errorf("%s: %d, %v", tt.id, got, err)
		}
	}
}
