package command

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// silentServer accepts connections and never answers.
func silentServer(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String() // the kernel accepts
}

// TestSilentServers: every command says what it waits for, and for how long.
func TestSilentServers(t *testing.T) {
	dir, address := t.TempDir(), silentServer(t)
	program, kubeconfig := programIn(t, dir), filepath.Join(dir, "kubeconfig")
	write(t, kubeconfig, fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: a, users: [{name: a, user: {token: x}}],
clusters: [{name: a, cluster: {server: "https://%s"}}], contexts: [{name: a, context: {cluster: a, user: a}}]}`, address))
	server := "waiting for the API server https://" + address + ": its first answer, at most 15s"
	for args, want := range map[string]string{
		"install --image a --agent-image b": server,
		"uninstall":                         server,
		"status":                            server,
		"check --live":                      server,
		"verify --url http://app.shop":      server,
		"verify --url http://app -l a=b":    server,
		"verify --no-watch --url http://" + address + "/a": "waiting for GET http://" + address + "/a to answer, at most 1m45s",
		"check -":     "reading standard input until it ends",
		"fix -":       "reading standard input until it ends",
		"timeline -":  "reading standard input until it ends",
		"inject -f -": "reading standard input until it ends",
	} {
		t.Run(strings.ReplaceAll(args, address, "SERVER"), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			cmd := exec.CommandContext(ctx, program, strings.Fields(args)...)
			cmd.Env = append(os.Environ(), asProgram+"=1", "KUBECONFIG="+kubeconfig)
			_, stderr := startOpen(t, cmd)
			line, _ := stderr.ReadString('\n')
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // it was killed
			if line != want+"\n" {
				t.Errorf("it says %q first, want %q", line, want)
			}
		})
	}
}

// TestNoAnswer: the end of a wait is one error, with what to do.
func TestNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := startProgress(&out)
		err := asker{"https://a", p}.ask(t.Context(), 5*time.Second, "its nodes", func(ctx context.Context) error {
			<-ctx.Done()
			return fmt.Errorf("listing: %w", ctx.Err())
		})
		p.stop()
		want := "waiting for the API server https://a: its nodes, at most 5s\n"
		if out.String() != want+want {
			t.Errorf("it says %q", out.String())
		}
		if err == nil || err.Error() != "the API server https://a gave no answer within 5s (see that it runs and can be reached from here, or name another cluster by --kubeconfig or --context)" {
			t.Errorf("error %v", err)
		}
	})
}
