package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/lameduck-dev/lameduck/test/cluster/internal/gobuild"
)

// KubernetesVersion is what hyper is built from; hyper/go.mod says so too.
const KubernetesVersion = "v1.34.4"

var (
	hyper = gobuild.Program{
		Name: "hyper",
		Dir:  "hyper",
		LDFlags: "-X k8s.io/component-base/version.gitVersion=" + KubernetesVersion +
			" -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=34" +
			" -X k8s.io/component-base/version.gitTreeState=clean",
	}
	relayProgram = gobuild.Program{Name: "relay", Dir: "programs/relay", Sources: []string{"internal/relay", "go.mod"}}
	pauseProgram = gobuild.Program{Name: "pause", Dir: "programs/pause"}
)

// programs are the paths of the built programs.
type programs struct{ hyper, relay, pause string }

// Build builds, or finds in the cache, everything that Start would build.
func Build(ctx context.Context, options Options) error {
	_, err := buildPrograms(ctx, newProgress(options.Progress))
	return err
}

func buildPrograms(ctx context.Context, progress progress) (built programs, err error) {
	if built.hyper, err = hyper.Build(ctx, progress.say); err != nil {
		return built, err
	}
	if built.relay, err = relayProgram.Build(ctx, progress.say); err != nil {
		return built, err
	}
	built.pause, err = pauseProgram.Build(ctx, progress.say)
	return built, err
}

// install copies the programs into dir, so that an instance does not depend on the cache.
func (p programs) install(dir string) error {
	if err := gobuild.Install(p.hyper, filepath.Join(dir, "hyper")); err != nil {
		return err
	}
	if err := gobuild.Install(p.relay, filepath.Join(dir, "relay")); err != nil {
		return err
	}
	return os.Symlink("hyper", filepath.Join(dir, "kubectl"))
}

// writeResolvConf gives pods that use the node's DNS the host's name servers, except those on its loopback, where
// CoreDNS would ask itself.
func writeResolvConf(path string) error {
	hosts, err := os.ReadFile("/etc/resolv.conf")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.WriteFile(path, []byte(withoutLoopback(string(hosts))), 0o644)
}

func withoutLoopback(resolvConf string) string {
	var kept strings.Builder
	for line := range strings.Lines(resolvConf) {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[0] != "nameserver" {
			continue
		}
		if server, err := netip.ParseAddr(fields[1]); err == nil && !server.IsLoopback() {
			fmt.Fprintf(&kept, "nameserver %s\n", server)
		}
	}
	return kept.String()
}

// logTail is the end of a log, for an error.
func logTail(path string) string {
	const lines = 5
	content, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	all := bytes.Split(bytes.TrimSpace(content), []byte("\n"))
	return ":\n" + string(bytes.Join(all[max(0, len(all)-lines):], []byte("\n")))
}
