package command

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lameduck-dev/lameduck/agent/seal"
)

// TestTakesWhatTheWebhookBeforeWrites: testdata/before holds what the webhook of the minor version
// before writes, so that a newer agent's image serves it. It is renewed with each minor version.
func TestTakesWhatTheWebhookBeforeWrites(t *testing.T) {
	text, err := os.ReadFile("testdata/before/webhook.json")
	if err != nil {
		t.Fatal(err)
	}
	var before struct {
		Install []string
		Prestop [][]string
	}
	if err := json.Unmarshal(text, &before); err != nil {
		t.Fatal(err)
	}
	_, public, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	for i := range before.Install {
		before.Install[i] = strings.Replace(before.Install[i], "PUBLIC", public, 1)
	}
	dir := t.TempDir()
	args := append([]string{"--container=x"}, before.Install...)
	flags := newFlags("prestop")
	(&prestopOptions{options: newOptions()}).register(flags)
	if taken, rest, err := parseLeniently(flags, args); err != nil || len(rest) > 0 || len(taken) != len(args) {
		t.Errorf("taken %q, rest %q: %v", taken, rest, err)
	}
	var stdout, stderr bytes.Buffer
	withoutRegistry := before.Install[:0:0]
	for _, arg := range before.Install { // the registries' program lies in the image, not here
		if !strings.HasPrefix(arg, "--registry=") {
			withoutRegistry = append(withoutRegistry, arg)
		}
	}
	if code := Main(append([]string{"install", dir}, withoutRegistry...), "v1", &stdout, &stderr); code != ExitDone || stderr.Len() > 0 {
		t.Errorf("install: exit code %d, %s", code, &stderr)
	}
	for _, args := range before.Prestop {
		o, _, err := parsePrestop(args, filepath.Join(dir, configName))
		if err != nil {
			t.Errorf("prestop %q: %v", args, err)
		}
		if _, hub, err := o.settings(); err != nil || hub == nil {
			t.Errorf("prestop %q: hub %v, %v", args, hub, err)
		}
		if own, _, err := o.ownHook(); err != nil || (own != nil) != (len(args) > 1 && args[1] != "--min-wait=10s") {
			t.Errorf("prestop %q: own hook %v, %v", args, own, err)
		}
	}
}
