package command

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/deploy"
)

// install runs the command and gives what it wrote, and its error.
func install(t *testing.T, flags installFlags, stored keyStore) (out, notes string, err error) {
	t.Helper()
	cmd := newInstall(testBuild)
	var stdout, stderr bytes.Buffer
	cmd.SetOut(&stdout)
	cmd.SetErr(&stderr)
	cmd.SetContext(t.Context())
	err = runInstall(cmd, flags, stored)
	return stdout.String(), stderr.String(), err
}

func TestInstallKeepsKeys(t *testing.T) {
	keys, err := deploy.NewKeys(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	data := map[string][]byte{"ca.crt": keys.CACert, "ca.key": keys.CAKey, "hub.key": keys.Hub, "webhook.token": keys.WebhookToken}
	flags := installFlags{options: deploy.Options{Namespace: "ns", Image: "a", AgentImage: "b", Replicas: 2}}
	asked := 0
	tests := []struct {
		name    string
		offline bool
		stored  keyStore
		note    string
		same    bool
		err     string
	}{
		{"there are some", false, func(context.Context, string) (earlier, error) { return earlier{keys: data}, nil }, "kept the keys of Secret ns/lameduck-keys", true, ""},
		{"there are none", false, func(context.Context, string) (earlier, error) { return earlier{}, nil }, "made new keys: there is no Secret ns/lameduck-keys yet", false, ""},
		{"offline", true, func(context.Context, string) (earlier, error) { asked++; return earlier{keys: data}, nil }, "made new keys without looking", false, ""},
		{"no answer", false, func(context.Context, string) (earlier, error) { return earlier{}, errors.New("connection refused") }, "", false, "connection refused: fix that, or add --offline"},
		{"a broken Secret", false, func(context.Context, string) (earlier, error) { return earlier{keys: map[string][]byte{}}, nil }, "", false, "keeping the keys of Secret ns/lameduck-keys: ca.crt is not PEM: delete it"},
		{"another namespace has one", false, func(context.Context, string) (earlier, error) { return earlier{other: "infra"}, nil }, "", false, "lameduck is already installed in namespace infra"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			flags.offline = tt.offline
			out, notes, err := install(t, flags, tt.stored)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) || exitCode(err) != 1 || out != "" {
					t.Errorf("error %v, %d bytes written", err, len(out))
				}
				return
			}
			if err != nil || !strings.Contains(notes, tt.note) {
				t.Errorf("%v, notes %q, want %q", err, notes, tt.note)
			}
			first, _, _ := install(t, flags, tt.stored)
			if same := first == out; same != tt.same {
				t.Errorf("the same output twice: %t, want %t", same, tt.same)
			}
		})
	}
	if asked > 0 {
		t.Error("the cluster was asked in spite of --offline")
	}
}

func TestInstallWithoutKubeconfig(t *testing.T) {
	t.Setenv("KUBECONFIG", t.TempDir()+"/none")
	_, _, err := install(t, installFlags{options: deploy.Options{Namespace: "ns", Image: "a", AgentImage: "b", Replicas: 2}}, func(ctx context.Context, namespace string) (earlier, error) {
		return installFlags{}.lookBefore(ctx, namespace, nil)
	})
	if err == nil || !strings.Contains(err.Error(), "which does not exist") {
		t.Errorf("error %v", err)
	}
}

func TestInstallUsage(t *testing.T) {
	_, _, err := install(t, installFlags{offline: true, options: deploy.Options{Namespace: "ns", Image: "a", AgentImage: "b"}}, nil)
	if err == nil || exitCode(err) != 2 {
		t.Errorf("no replicas: %v", err)
	}
}
