package local

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lameduck-dev/lameduck/registry"
)

func TestSecret(t *testing.T) {
	t.Setenv("TEST_USER", "orders")
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ settings, name, want, err string }{
		{"username-env=TEST_USER", "username", "orders", ""},
		{"password-file=" + file, "password", "secret", ""},
		{"", "password", "", ""},
		{"username-env=TEST_NONE", "username", "", "the environment has no TEST_NONE"},
		{"ca-file=/none", "ca", "", "give the path of one that is mounted here"},
		{"ca-file=/dev/zero", "ca", "", "more than 1048576 bytes"},
		{"password-file=/", "password", "", "is a directory"},
	} {
		spec, err := registry.Kinds{{Name: "nacos", Keys: registry.Keys(registry.PasswordKeys, registry.TLSKeys)}}.ParseSpec("nacos " + tt.settings)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Secret(spec, tt.name)
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %q, %v, want %q, %q", tt.settings, got, err, tt.want, tt.err)
		}
	}
}
