package inject

import (
	"os"
	"strings"
	"testing"

	"github.com/lameduck-dev/lameduck/graceful/termination"
)

// TestDocsNameEverything keeps the guides complete: every label, annotation, reserved name
// and default that users meet stands in both.
func TestDocsNameEverything(t *testing.T) {
	words := []string{
		Label, StopAnnotation, MinWaitAnnotation, MaxWaitAnnotation, QuietAnnotation, PortsAnnotation,
		ExistingHookAnnotation, ContainersAnnotation, RegistryAnnotation, FrameworkAnnotation, StatusAnnotation, InitContainer, Volume, TokenVolume,
		Dir, AgentPath, TokenDir, termination.QuietFloor.String(), termination.QuietCeiling.String(), termination.CarefulSleep.String(),
	}
	for _, path := range []string{"../docs/inject.md", "../docs/zh/inject.md"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range words {
			if !strings.Contains(string(text), word) {
				t.Errorf("%s does not mention %s", path, word)
			}
		}
	}
}
