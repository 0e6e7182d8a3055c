package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func run(args ...string) (stdout, stderr string, err error) {
	command := newCommand()
	var out, complaints bytes.Buffer
	command.SetOut(&out)
	command.SetErr(&complaints)
	command.SetArgs(append([]string{"--name", "no-such-cluster"}, args...))
	err = command.Execute()
	return out.String(), complaints.String(), err
}

func TestMistakes(t *testing.T) {
	const notUp = `cluster "no-such-cluster": no such cluster is up`
	for _, test := range []struct {
		args string
		want string
	}{
		{"up --proxy ipvs", `proxy mode "ipvs": use nftables or iptables`},
		{"up --nodes 0", "a cluster has at least one"},
		{"up --nodes 101", "101 nodes: ask for 1 to 100"},
		{"up extra", "unknown command"},
		{"up --name A", `instance name "A"`},
		{"load", "requires at least 1 arg"},
		{"load image.tar", notUp},
		{"kubeconfig", notUp},
		{"status --footprint", notUp},
		{"exec node1 true", notUp},
		{"rules node1", notUp},
		{"fault pause etcd", notUp},
		{"fault cut node1", notUp},
		{"fault delay node1 soon", `delay "soon": give a duration`},
		{"fault delay node1 -5s", "unknown shorthand flag"},
		{"fault delay node1 5s", notUp},
	} {
		_, _, err := run(strings.Fields(test.args)...)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.args, err, test.want)
		}
	}
}

func TestDownOfNothing(t *testing.T) {
	_, stderr, err := run("down")
	if err != nil || !strings.Contains(stderr, `"no-such-cluster" is not up`) {
		t.Errorf("stderr %q, %v", stderr, err)
	}
}

// Every command says what it is for, and checks its arguments.
func TestHelp(t *testing.T) {
	var check func(*cobra.Command)
	check = func(command *cobra.Command) {
		if command.Short == "" {
			t.Errorf("%s has no help", command.CommandPath())
		}
		if !command.HasSubCommands() && command.Args == nil {
			t.Errorf("%s does not check its arguments", command.CommandPath())
		}
		for _, sub := range command.Commands() {
			check(sub)
		}
	}
	check(newCommand())
	stdout, _, err := run("--help")
	for _, part := range []string{"up", "down", "status", "load", "kubeconfig", "fault", "--name", "KUBECONFIG"} {
		if err != nil || !strings.Contains(stdout, part) {
			t.Errorf("--help does not mention %s: %v", part, err)
		}
	}
}
