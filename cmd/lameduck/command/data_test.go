package command

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lameduck-dev/lameduck/workload/printable"
)

// commands are what the runners of CI systems obey in a job's log.
const commands = "            ::error file=x::forged\n            ##vso[task.setvariable variable=x]y\n            ##teamcity[buildStatus text='x']\n"

const commandsBeside = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: nginx
        lifecycle: {preStop: {exec: {command: [sleep, "60"]}}}
        env:
        - name: C
          value: |
` + commands + `      terminationGracePeriodSeconds: 30
`

// TestCILog runs the program in the environment of each runner: what goes to a pipe may go to the job's
// log, which must obey nothing of it; what goes to a program or a file is the manifest, byte for byte.
func TestCILog(t *testing.T) {
	dir := t.TempDir()
	program := programIn(t, dir)
	file := filepath.Join(dir, "web.yaml")
	write(t, file, commandsBeside)
	run := func(env string, toFile bool, args ...string) (code int, stdout, stderr string) {
		t.Helper()
		var cmd *exec.Cmd
		if cmd = exec.Command(program, append(args, file)...); toFile {
			cmd = exec.Command("/bin/sh", "-c", `p=$1; shift; "$p" "$@" > out`, "sh", program)
			cmd.Args = append(append(cmd.Args, args...), file)
		}
		cmd.Dir, cmd.Env = dir, []string{asProgram + "=1", "HOME=" + dir}
		if env != "" {
			cmd.Env = append(cmd.Env, env)
		}
		var out, log strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &log
		_ = cmd.Run()
		if toFile {
			text, err := os.ReadFile(filepath.Join(dir, "out"))
			if err != nil {
				t.Fatal(err)
			}
			return cmd.ProcessState.ExitCode(), string(text), log.String()
		}
		return cmd.ProcessState.ExitCode(), out.String(), log.String()
	}
	for _, env := range []string{"CI=true", "GITHUB_ACTIONS=true", "TF_BUILD=True", "GITLAB_CI=true", "TEAMCITY_VERSION=2025.07", "BUILDKITE=true"} {
		if code, diff, log := run(env, false, "fix"); code != 0 || !strings.Contains(diff, "·::error") || printable.CommandLine(diff+log) > 0 {
			t.Errorf("%s: fix: %d\n%s%s", env, code, diff, log)
		}
		if code, text, log := run(env, false, "inject", "--all"); code != 1 || text != "" || !strings.Contains(log, "line 16 is a command to CI systems") {
			t.Errorf("%s: inject: %d\n%s%s", env, code, text, log)
		}
	}
	for _, how := range []struct {
		env    string
		toFile bool
		args   []string
	}{{"", false, nil}, {"CI=false", false, nil}, {"CI=true", true, nil}, {"CI=true", false, []string{"--raw"}}} {
		if code, diff, _ := run(how.env, how.toFile, append([]string{"fix"}, how.args...)...); code != 0 || !strings.Contains(diff, " "+strings.ReplaceAll(strings.TrimSuffix(commands, "\n"), "\n", "\n ")) {
			t.Errorf("%+v: fix: %d\n%s", how, code, diff)
		}
		if code, text, _ := run(how.env, how.toFile, append([]string{"inject", "--all"}, how.args...)...); code != 0 || !strings.Contains(text, commands) || !strings.Contains(text, "lameduck-init") {
			t.Errorf("%+v: inject: %d\n%s", how, code, text)
		}
	}
}
