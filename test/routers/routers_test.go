package routers

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTraefikIsNamed: the version that is built is the one that the docs name, and what Traefik's own
// go.mod replaces is replaced here too.
func TestTraefikIsNamed(t *testing.T) {
	mod, err := os.ReadFile(filepath.Join("traefik", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"github.com/traefik/traefik/v3 " + TraefikVersion,
		"github.com/gorilla/mux => github.com/containous/mux ",
		"github.com/abbot/go-http-auth => github.com/containous/go-http-auth ",
		"github.com/traefik/traefik/dynamic/ext => ./ext",
		"github.com/go-acme/lego/v5 => ./lego",
	} {
		if !strings.Contains(string(mod), line) {
			t.Errorf("traefik/go.mod has no line %q", line)
		}
	}
}
