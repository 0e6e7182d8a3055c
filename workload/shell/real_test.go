package shell

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestAgreesWithAShell runs scripts in a real sh, in which sleep only writes
// down for how long it was to sleep, with and without what they ask for. What
// comes out lies between what is certain and what is possible, and each end is
// reached by some run.
func TestAgreesWithAShell(t *testing.T) {
	bin := t.TempDir()
	for name, text := range map[string]string{
		"sleep": "for each; do echo \"$each\" >> \"$LOG\"; done",
		"nginx": "[ -f x ]", // succeeds or fails
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, script := range []string{
		"sleep 15",
		"[ -f x ] && sleep 60",
		"[ -f x ] || sleep 60; sleep 1",
		"exec nginx -s quit; sleep 60",
		"exit 0; sleep 60",
		"if [ -f x ]; then exit; fi; sleep 60",
		"if [ -f x ]; then sleep 5; elif [ -f y ]; then sleep 7; else sleep 9; fi; sleep 1",
		"nginx -s quit && sleep 4 || sleep 6",
		"true && sleep 4; false || sleep 5",
		"! false && sleep 4",
		"set -e; [ -f x ]; sleep 60",
		"set -e; [ -f x ] || true; sleep 60",
		"set -e; if [ -f x ]; then sleep 1; fi; sleep 60",
		"set -e; [ -f x ] && sleep 2; sleep 60",
		"set -e; ! true; sleep 3",
		"set -e; set +e; false; sleep 3",
		"set -e; (nginx; sleep 2); sleep 3",
		"set -e; f() { nginx; sleep 2; }; f || sleep 9; sleep 3",
		"set -e; x=$(nginx); sleep 3",
		"trap 'sleep 5' EXIT; sleep 1; exit 0",
		"trap 'sleep 5' EXIT; exec true",
		"trap 'sleep 5' TERM; sleep 1",
		"case $X in x) sleep 1;; *) sleep 5;; esac",
		"(sleep 3; exit 1); sleep 2",
		"(exec sleep 3; sleep 9); sleep 2",
		"f() { sleep 3; return; sleep 9; }; f; f",
		"f() { sleep 3; exit; }; f; sleep 2",
		"X=$(sleep 3; exit 2); sleep 2",
		"sh -c 'sleep 8; exit'; sleep 2",
		"eval 'sleep 3'; sleep 1",
		"for i in 1 2 3; do sleep 2; done",
		"for i in 1 2 3; do [ -f x ] && break; sleep 1; done",
		"for i in 1 2 3; do [ -f x ] && continue; sleep 1; done",
		"for i in 1 2 3; do [ -f x ] && exit; sleep 1; done; sleep 5",
		"i=0; while [ $i -lt 5 ]; do sleep 2; i=$((i+1)); done",
		"i=0; until [ \"$i\" -ge 5 ]; do sleep 1; i=$(expr $i + 1); done; sleep 1",
		"i=0; while [ $i -lt 5 ] && [ -f x ]; do sleep 2; i=$((i+1)); done",
		"while true; do sleep 2; break; done",
		"until false; do sleep 2; exit; done; sleep 5",
		"N=7; sleep $N; [ -f x ] && N=9; N=2; sleep $N",
		"{ sleep 1; } && { sleep 2; }",
	} {
		read := Parse(script)
		if read.Time.Open || read.Time.Endless() || !read.Complete {
			t.Errorf("%q is not bounded: %+v", script, read.Time)
			continue
		}
		least, most := -1.0, -1.0
		for _, files := range [][]string{nil, {"x"}, {"y"}} {
			took := sleeps(t, bin, script, files)
			if took < read.Time.Min || took > read.Time.Max {
				t.Errorf("%q with %q sleeps %v s, said are %v to %v s", script, files, took, read.Time.Min, read.Time.Max)
			}
			if least < 0 || took < least {
				least = took
			}
			most = max(most, took)
		}
		if !strings.Contains(script, "while [ $i") && !strings.Contains(script, "until [") && (least != read.Time.Min || most != read.Time.Max) {
			t.Errorf("%q sleeps %v to %v s, said are %v to %v s", script, least, most, read.Time.Min, read.Time.Max)
		}
	}
}

// sleeps runs a script and adds up the sleeps.
func sleeps(t *testing.T, bin, script string, files []string) (total float64) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range files {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	log := filepath.Join(t.TempDir(), "log")
	cmd := exec.CommandContext(t.Context(), "sh", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "X="+strings.Join(files, " "), "LOG="+log, "PATH="+bin+":"+os.Getenv("PATH"))
	_ = cmd.Run() // a script may well fail
	text, err := os.ReadFile(log)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for line := range strings.FieldsSeq(string(text)) {
		d, ok := Duration(line)
		if !ok {
			t.Fatalf("%q slept %q", script, line)
		}
		total += d
	}
	return total
}
