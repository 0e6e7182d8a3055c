package shell

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for _, c := range []struct{ script, want string }{
		{"sleep 5", "sleep 5"},
		{"a; b && c || d", "a; b; maybe c; maybe or d"},
		{"curl 'http://x?a=1&b=2' && sleep 3", "curl http://x?a=1&b=2; maybe sleep 3"},
		{"curl http://x?a=1&b=2", "background curl http://x?a=1"},
		{"run >/dev/null 2>&1 &\nwait", "background run; wait"},
		{"if [ -f x ]; then sleep 5; fi; echo", "depth1 [ -f x ]; maybe depth1 sleep 5; echo"},
		{"while true; do sleep 1; done; echo", "depth1 true; depth1 sleep 1; no echo"},
		{"(sleep 1; x) &", "background depth1 sleep 1; background depth1 x"},
		{"echo \"a b\" \\\n c # note; sleep 9", "echo a b c"},
		{"PID=$(cat /run/x); kill -TERM $PID", "depth1 cat /run/x; kill -TERM $PID"},
		{"a | b", "piped a; piped b"},
		{"exit 0; sleep 60", "exit 0; no sleep 60"},
		{"exec nginx -s quit; sleep 60", "exec exec nginx -s quit; no sleep 60"},
		{"true || sleep 60", "true; no or sleep 60"},
		{"f() { nginx -s quit; }; sleep 5; f", "sleep 5; f; depth1 nginx -s quit"},
		{"set -e; a; sleep 9", "set -e; a; maybe sleep 9"},
		{"cat <<E\nx\nE\nsleep 1", "cat; sleep 1"},
		{"[[ -f x ]] || exit 1; sleep 2", "maybe or exit 1; maybe sleep 2"},
		{"timeout 5 nginx -s quit", "timeout 5 nginx -s quit; nginx -s quit"},
		{`sh -c "nginx -s quit"`, "sh -c nginx -s quit; depth1 nginx -s quit"},
	} {
		s := Parse(c.script)
		var got []string
		for _, cmd := range s.Commands {
			var b strings.Builder
			b.WriteString([]string{"no ", "maybe ", ""}[cmd.Runs])
			for _, mark := range []struct {
				on   bool
				name string
			}{{cmd.Exec, "exec "}, {cmd.Background, "background "}, {cmd.Or, "or "}, {cmd.Piped, "piped "}, {cmd.Depth > 0, fmt.Sprintf("depth%d ", cmd.Depth)}} {
				if mark.on {
					b.WriteString(mark.name)
				}
			}
			got = append(got, b.String()+cmd.String())
			if !strings.HasPrefix(c.script[cmd.Offset:], cmd.Text) && cmd.Depth == 0 {
				t.Errorf("Parse(%q): %q does not stand at %d", c.script, cmd.Text, cmd.Offset)
			}
		}
		if got := strings.Join(got, "; "); got != c.want {
			t.Errorf("Parse(%q)\n got %s\nwant %s", c.script, got, c.want)
		}
		if !s.Complete {
			t.Errorf("Parse(%q) is not complete", c.script)
		}
	}
}

func TestParseSaysWhatItDoesNotKnow(t *testing.T) {
	for _, script := range []string{"f() { sleep 1; f; }; . ./x", "echo 'open", "fi", ". /hooks.sh", "eval 'if'", strings.Repeat("(", 300)} {
		if s := Parse(script); s.Complete || !s.Time.Open {
			t.Errorf("Parse(%q) claims to be complete: %+v", script, s.Time)
		}
	}
}

// TestTime holds what a script waits for certain, and at most.
func TestTime(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		script string
		want   Span
	}{
		{"sleep 15", Span{15, 15, false}},
		{"sleep 1m 5s; nginx -s quit; sleep 2.5", Span{67.5, 67.5, false}},
		{"/bin/sleep 3 && echo", Span{3, 3, false}},
		{"sleep $N; sleep 2", Span{2, 2, true}},
		{"N=7; sleep $N", Span{7, 7, false}},
		{"sleep ${N:-7}", Span{0, 7, true}},
		{"sleep 30 &", Span{0, 0, false}},
		{"sleep 30 & wait", Span{30, 30, false}},
		{"sleep 30 & sleep 5", Span{5, 5, false}},
		{"nohup sleep 4", Span{4, 4, false}},

		{"[ -f x ] && sleep 60", Span{0, 60, false}},
		{"exec nginx -s quit; sleep 60", Span{0, 0, false}},
		{"exit 0; sleep 60", Span{0, 0, false}},
		{"if x; then exit; fi; sleep 60", Span{0, 60, true}},
		{"if [ -f x ]; then sleep 5; else sleep 9; fi; sleep 1", Span{6, 10, false}},
		{"test -f x || sleep 30", Span{0, 30, false}},
		{"true && sleep 4", Span{4, 4, false}},
		{"false || sleep 4", Span{4, 4, false}},
		{"! false && sleep 4", Span{4, 4, false}},
		{"set -e; [ -f x ]; sleep 60", Span{0, 60, false}},
		{"set -e; [ -f x ] || true; sleep 60", Span{60, 60, false}},
		{"set -e; if [ -f x ]; then sleep 1; fi; sleep 60", Span{60, 61, false}},
		{"trap 'sleep 5' EXIT; sleep 1; exit 0", Span{6, 6, false}},
		{"trap 'sleep 5' TERM; sleep 1", Span{1, 1, false}},
		{"case $X in a) sleep 1;; *) sleep 5;; esac", Span{1, 5, false}},
		{"case $X in a) sleep 1;; esac", Span{0, 1, false}},
		{"(sleep 3; exit 1); sleep 2", Span{5, 5, false}},
		{"{ sleep 3; }; sleep 2", Span{5, 5, false}},
		{"f() { sleep 3; return; sleep 9; }; f; f", Span{6, 6, false}},
		{"sleep 5 | sleep 9", Span{9, 9, false}},
		{"X=$(sleep 3); sleep 2", Span{5, 5, false}},
		{"sh -c 'sleep 8'; sleep 2", Span{10, 10, false}},

		{"while true; do sleep 1; done", Span{inf, inf, false}},
		{"while :; do sleep 1; done; sleep 5", Span{inf, inf, false}},
		{"sleep infinity", Span{inf, inf, false}},
		{"tail -f /dev/null", Span{inf, inf, false}},
		{"[ -f x ] && sleep infinity", Span{0, inf, false}},
		{"tail --pid=1 -f /dev/null", Span{0, 0, true}},
		{"while true; do [ -f x ] && break; sleep 1; done", Span{0, inf, true}},
		{"while true; do if [ -f x ]; then exit 0; fi; sleep 1; done", Span{0, inf, true}},
		{"until x; do sleep 1; done; sleep 5; while y; do sleep 1; done", Span{5, inf, true}},
		{"while true; do pgrep nginx || break; sleep 1; done", Span{0, 0, true}},
		{"while [ -d /proc/7 ]; do sleep 1; done", Span{0, 1, true}},
		{"while read x; do sleep 1; done", Span{0, 1, true}},
		{"for x in *.pid; do sleep 1; done", Span{0, 1, true}},
		{"while kill -0 1; do sleep 1; done", Span{0, 1, true}},
		{"until [ -f x ]; do sleep 2; done", Span{0, inf, true}},
		{"for i in 1 2 3; do sleep 2; done", Span{6, 6, false}},
		{"for i in $(seq 1 30); do [ -f x ] && break; sleep 1; done", Span{0, 30, false}},
		{"for i in {1..4}; do sleep 1; done", Span{4, 4, false}},
		{"for ((i=0;i<5;i++)); do sleep 1; done", Span{5, 5, false}},
		{"i=0; while [ $i -lt 30 ]; do sleep 2; i=$((i+1)); done", Span{0, 60, false}},
		{"i=0; until [ \"$i\" -ge 10 ]; do sleep 1; i=`expr $i + 1`; done", Span{0, 10, false}},
		{"i=0; while [ $i -lt 30 ] && [ -f x ]; do sleep 2; i=$((i+1)); done", Span{0, 60, false}},
		{"i=0; while [ $i -lt 30 ] || [ -f x ]; do sleep 2; i=$((i+1)); done", Span{0, inf, true}},

		{"curl --max-time 20 http://x; sleep 35", Span{35, 55, false}},
		{"curl -sfm 5 http://x", Span{0, 5, false}},
		{"curl -m5 --retry 2 --retry-delay 1 http://x", Span{0, 17, false}},
		{"curl http://x; sleep 5", Span{5, 5, true}},
		{"curl -sm20 http://x; sleep 35", Span{35, 55, false}},
		{"curl -sSm=20 http://x", Span{0, 20, false}},
		{"curl -o -m -X POST --max-time=3 http://x", Span{0, 3, false}},
		{"curl -H -m9 http://x", Span{0, 0, true}},
		{"curl --connect-timeout 5 http://x; sleep 35", Span{35, 40, true}},
		{"curl -m 0 http://x", Span{0, 0, true}},
		{"wget -T 5 -t 2 -qO- http://x", Span{0, 10, true}},
		{"wget -qT30 http://x", Span{0, 30, true}},
		{"wget --timeout=30 http://x", Span{0, 30, true}},
		{"wget -q http://x", Span{0, 0, true}},
		{"nc -zw30 x 80", Span{0, 30, false}},
		{"nc -w 3 x 80", Span{0, 3, true}},
		{"nc x 80", Span{0, 0, true}},
		{"pg_isready -ht -t5", Span{0, 5, false}},
		{"pg_isready", Span{0, 3, false}},
		{"grpc_health_probe -addr=:50051 -connect-timeout 5s", Span{0, 6, false}},
		{"timeout 10 /app/drain; sleep 5", Span{5, 15, false}},
		{"timeout 10 sleep infinity", Span{10, 10, false}},
		{"timeout -k 5 10 tail -f x", Span{15, 15, false}},
		{"timeout 10 sh -c 'while true; do sleep 1; done'", Span{10, 10, false}},
		{"nc -w 3 -z x 80", Span{0, 3, false}},
		{"/app/drain", Span{0, 0, true}},
	} {
		if got := Parse(c.script).Time; got != c.want {
			t.Errorf("%q takes %+v, want %+v", c.script, got, c.want)
		}
	}
}

func TestWaits(t *testing.T) {
	for script, want := range map[string]Answer{"sleep 5": Yes, "[ -f x ] && sleep 5": Maybe, "/app/x": Maybe, "exit; sleep 5": No, "sleep 0": No} {
		if got := Parse(script).Time.Waits(); got != want {
			t.Errorf("%q waits: %d, want %d", script, got, want)
		}
	}
}

func TestRead(t *testing.T) {
	env := func(name string) (string, bool) { return "20", name == "DELAY" }
	for _, c := range []struct {
		argv []string
		want Span
	}{
		{[]string{"sleep", "15"}, Span{15, 15, false}},
		{[]string{"sleep 15"}, Span{0, 0, false}},
		{[]string{"sh", "-c", "sleep $DELAY"}, Span{20, 20, false}},
		{[]string{"sh", "-ec", "[ -f x ]; sleep 5"}, Span{0, 5, false}},
		{[]string{"bash", "-o", "errexit", "-c", "[ -f x ]; sleep 5"}, Span{0, 5, false}},
		{[]string{"timeout", "5", "sh", "-c", "sleep 9"}, Span{5, 5, false}},
		{[]string{"tail", "-f", "/dev/null"}, Span{math.Inf(1), math.Inf(1), false}},
	} {
		if got := Read(c.argv, env).Time; got != c.want {
			t.Errorf("%q takes %+v, want %+v", c.argv, got, c.want)
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
		{[]string{"sh", "-c", "-x", "x"}, "x", true},
		{[]string{"sh", "-c", "--", "x"}, "x", true},
		{[]string{"bash", "-o", "pipefail", "-c", "x"}, "x", true},
		{[]string{"bash", "-euo", "pipefail", "-c", "x"}, "x", true},
		{[]string{"bash", "--norc", "-c", "x"}, "x", true},
		{[]string{"/busybox/busybox", "sh", "-c", "x"}, "x", true},
		{[]string{"/usr/bin/env", "bash", "-c", "x"}, "x", true},
		{[]string{"exec", "sh", "-c", "x"}, "x", true},
		{[]string{"sh", "script.sh", "-c"}, "", false},
		{[]string{"java", "-c", "x"}, "", false},
		{[]string{"sh", "-c", "--"}, "", false},
		{[]string{"sh"}, "", false},
	} {
		if _, got, ok := Unwrap(c.argv); got != c.want || ok != c.ok {
			t.Errorf("Unwrap(%q) = %q, %v", c.argv, got, ok)
		}
	}
}

func TestArgs(t *testing.T) {
	for words, want := range map[string]string{
		"A=b exec nginx -s quit":      "nginx -s quit",
		"env -u X A=1 curl x":         "curl x",
		"command -v curl":             "command -v curl",
		"nice -n 5 nohup java -jar x": "java -jar x",
		"http://x?a=b":                "http://x?a=b",
	} {
		if got := (Command{Words: strings.Fields(words)}).Args(); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%q starts %q, want %q", words, got, want)
		}
	}
}

// FuzzParse holds that any text is read in bounded time, and that what is
// certain is not more than what is possible.
func FuzzParse(f *testing.F) {
	f.Add("if a; then b & done ) ; } || 'x")
	f.Add("f() { g; g; }; g() { h; h; }; f; while true; do sleep 1 & wait; break; done")
	f.Add("for i in 1 2; do timeout 5 sleep 3 | cat || exec x; done; trap y EXIT")
	f.Fuzz(func(t *testing.T, script string) {
		slow := time.AfterFunc(5*time.Second, func() { panic(fmt.Sprintf("%q takes more than 5 s to read", script)) })
		s := Parse(script)
		slow.Stop()
		if s.Time.Min < 0 || s.Time.Max < s.Time.Min || math.IsNaN(s.Time.Min) || math.IsNaN(s.Time.Max) {
			t.Fatalf("%q takes %+v", script, s.Time)
		}
		if len(s.Commands) > 2*maxSteps+len(script) {
			t.Fatalf("%q runs %d commands", script, len(s.Commands))
		}
	})
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Parse("curl -sf -X POST http://127.0.0.1:8080/drain || true; sleep 15; nginx -s quit")
	}
}

// TestReadKeepsApart: what the environment decides is not answered for another.
func TestReadKeepsApart(t *testing.T) {
	for _, seconds := range []string{"3", "7"} {
		got := Read([]string{"sh", "-c", "sleep $N"}, func(string) (string, bool) { return seconds, true }).Time.Min
		if want, _ := Duration(seconds); got != want {
			t.Errorf("N=%s: %v s", seconds, got)
		}
	}
	if a, b := Read([]string{"sh", "-c", "sleep 3"}, nil), Read([]string{"sh", "-c", "sleep 4"}, nil); a.Time.Min != 3 || b.Time.Min != 4 {
		t.Error(a, b)
	}
}
