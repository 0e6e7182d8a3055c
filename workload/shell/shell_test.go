package shell

import (
	"fmt"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct{ script, want string }{
		{"sleep 5", "[sleep 5]"},
		{"a; b && c || d", "[a];[b]&&[c]||[or d]"},
		{"curl 'http://x?a=1&b=2' && sleep 3", "[curl http://x?a=1&b=2]&&[sleep 3]"},
		{"curl http://x?a=1&b=2", "[curl http://x?a=1]&[b=2]"},
		{"run >/dev/null 2>&1 &\nwait", "[run]&[wait]"},
		{"if [ -f x ]; then sleep 5; fi; echo", "[nest1 [ -f x ]];[nest1 sleep 5];[echo]"},
		{"while true; do sleep 1; done", "[loop nest1 true];[loop nest1 sleep 1]"},
		{"(sleep 1; x) &", "[nest1 sleep 1];[nest1 x]&"},
		{"echo \"a b\" \\\n c # note; sleep 9", "[echo a b c]"},
		{"PID=$(cat /run/x); kill -TERM $PID", "[PID=$(cat /run/x)];[kill -TERM $PID]"},
		{"a | b", "[a]|[b]"},
		{"a &>> log; b", "[a];[b]"},
	} {
		s := Parse(c.script)
		var b strings.Builder
		for _, cmd := range s.Commands {
			b.WriteString("[")
			if cmd.Loop {
				b.WriteString("loop ")
			}
			if cmd.Nest > 0 {
				fmt.Fprintf(&b, "nest%d ", cmd.Nest)
			}
			if cmd.Or {
				b.WriteString("or ")
			}
			b.WriteString(strings.Join(cmd.Words, " ") + "]" + cmd.Op)
		}
		if got := strings.TrimSuffix(b.String(), ";"); got != c.want {
			t.Errorf("Parse(%q)\n got %s\nwant %s", c.script, got, c.want)
		}
		if !s.Complete {
			t.Errorf("Parse(%q) is not complete", c.script)
		}
	}
}

func TestParseSaysWhatItDoesNotKnow(t *testing.T) {
	for _, script := range []string{"f() { sleep 1; }", "cat <<E\nx\nE", "echo 'open", "fi"} {
		if Parse(script).Complete {
			t.Errorf("Parse(%q) claims to be complete", script)
		}
	}
}

func TestSleeps(t *testing.T) {
	for _, c := range []struct {
		script string
		want   float64
	}{
		{"sleep 15", 15},
		{"sleep 1m 5s; nginx -s quit; sleep 2.5", 67.5},
		{"/bin/sleep 3 && echo", 3},
		{"sleep $N; sleep 2", 2},
		{"sleep 30 &", 0},
		{"test -f x || sleep 30", 0},
		{"while true; do sleep 1; done", 0},
		{"if x; then sleep 9; fi; sleep 1", 1},
		{"nohup sleep 4", 4},
	} {
		if got, _ := Parse(c.script).Sleeps(); got != c.want {
			t.Errorf("Sleeps(%q) = %v, want %v", c.script, got, c.want)
		}
	}
}

func TestUnwrap(t *testing.T) {
	for _, c := range []struct {
		argv []string
		want string
		ok   bool
	}{
		{[]string{"/bin/sh", "-c", "x"}, "x", true},
		{[]string{"bash", "-e", "-c", "x", "arg0"}, "x", true},
		{[]string{"sh", "-ec", "x"}, "x", true},
		{[]string{"/busybox/busybox", "sh", "-c", "x"}, "x", true},
		{[]string{"/usr/bin/env", "bash", "-c", "x"}, "x", true},
		{[]string{"sh", "script.sh", "-c"}, "", false},
		{[]string{"java", "-c", "x"}, "", false},
		{[]string{"sh"}, "", false},
	} {
		if _, got, ok := Unwrap(c.argv); got != c.want || ok != c.ok {
			t.Errorf("Unwrap(%q) = %q, %v", c.argv, got, ok)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("if a; then b & done ) ; } || 'x")
	f.Fuzz(func(t *testing.T, script string) {
		if seconds, _ := Parse(script).Sleeps(); seconds < 0 {
			t.Fatalf("%q sleeps for %v s", script, seconds)
		}
	})
}
