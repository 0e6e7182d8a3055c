package command

import (
	"bytes"
	"encoding/json"
	"runtime"
	"strings"
	"testing"

	"github.com/lameduck-dev/lameduck/buildinfo"
)

// TestVersion: all ways to ask for the version give the same.
func TestVersion(t *testing.T) {
	_, flag, _ := cli(t, nil, "", "--version")
	code, text, _ := again(t, "", "version")
	if code != 0 || flag == "" || !strings.HasPrefix(text, flag) || !strings.Contains(text, runtime.Version()) {
		t.Errorf("--version: %q, version: %d %q", flag, code, text)
	}
	code, text, _ = again(t, "", "version", "-o", "json")
	var got buildinfo.Info
	if err := json.Unmarshal([]byte(text), &got); err != nil || code != 0 {
		t.Fatal(code, err, text)
	}
	if "lameduck version "+got.Version+"\n" != flag || got.Go != runtime.Version() || got.Platform != runtime.GOOS+"/"+runtime.GOARCH {
		t.Errorf("%+v", got)
	}
}

func TestWriteVersion(t *testing.T) {
	var b bytes.Buffer
	err := writeVersion(&b, buildinfo.Info{Version: "v1", Commit: "abc", Modified: true, Date: "2026-01-02T03:04:05Z", Go: "go1.26", Platform: "linux/amd64"})
	if want := "lameduck version v1\ncommit    abc, with changes\ndate      2026-01-02T03:04:05Z\ngo        go1.26\nplatform  linux/amd64\n"; err != nil || b.String() != want {
		t.Errorf("%q %v", b.String(), err)
	}
}
