package command

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"
)

func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := startProgress(&out)
		time.Sleep(3 * time.Second) // nothing to tell yet
		p.say("rendering %s", "charts/web")
		time.Sleep(2 * time.Second)
		p.say("read %d of %d files", 256, 1000)
		p.say("read %d of %d files", 512, 1000)
		time.Sleep(2 * time.Second)
		p.stop()
		if want := "rendering charts/web\nread 512 of 1000 files\n"; out.String() != want {
			t.Errorf("%q, want %q", out.String(), want)
		}
	})
}

func TestProgressOfAShortRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := startProgress(&out)
		p.say("read 1 of 1 files")
		time.Sleep(time.Second)
		p.stop()
		if out.Len() > 0 {
			t.Errorf("%q, want nothing", out.String())
		}
	})
}
