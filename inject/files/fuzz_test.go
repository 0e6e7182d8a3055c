package files

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lameduck-dev/lameduck/manifest"
)

// FuzzInject feeds whole files: nothing panics, what is
// not opted in stays byte for byte, what is written can be read, and a second pass changes
// nothing.
func FuzzInject(f *testing.F) {
	inputs, err := filepath.Glob("testdata/*/in.*")
	if err != nil || len(inputs) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, path := range inputs {
		src, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(src), true)
		f.Add(string(src), false)
	}
	f.Fuzz(func(t *testing.T, src string, all bool) {
		file, problems := manifest.Parse("in.yaml", src)
		if len(problems) > 0 {
			t.Skip("refused by the reader")
		}
		options := Options{Settings: settings, Namespace: "default", All: all}
		texts, reports, err := Inject([]*manifest.File{file}, options)
		if err != nil {
			return
		}
		changed := false
		for _, r := range reports {
			changed = changed || len(r.Changes) > 0
		}
		if !changed && texts[0] != src {
			t.Fatalf("nothing was changed, but the text was:\n%q\n%q", src, texts[0])
		}
		again, problems := manifest.Parse("in.yaml", texts[0])
		if len(problems) > 0 {
			t.Fatalf("what was written can't be read: %v\n%s", problems, texts[0])
		}
		twice, _, err := Inject([]*manifest.File{again}, options)
		if err != nil || twice[0] != texts[0] {
			t.Fatalf("a second pass: %v\n%s\n%s", err, texts[0], twice)
		}
	})
}
