package command

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/deploy"
)

// TestControllerTakesWhatInstallWrites hands the Deployment's arguments to the controller's
// own flags.
func TestControllerTakesWhatInstallWrites(t *testing.T) {
	keys, err := deploy.NewKeys(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	out, err := deploy.Render(deploy.Options{Namespace: "elsewhere", Image: "a", AgentImage: "b", PullPolicy: "Never", Replicas: 2, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	var args []string
	for line := range strings.Lines(string(out)) {
		if flag, ok := strings.CutPrefix(strings.TrimSpace(line), "- --"); ok {
			args = append(args, "--"+flag)
		}
	}
	if len(args) < 5 || !slices.Contains(args, "--namespace=elsewhere") {
		t.Fatalf("found only %q in the manifests", args)
	}
	controller, _, err := newRoot(testBuild).Find([]string{"controller"})
	if err != nil {
		t.Fatal(err)
	}
	if err := controller.ParseFlags(args); err != nil {
		t.Errorf("%v: of %q", err, args)
	}
}
