package ledger

import (
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	at := time.UnixMicro(1767348245123456).UTC()
	good := map[string]Entry{
		"ledger 1 start - 1767348245123456\n":          {1, Start, None, at},
		"ledger 17 received k3f9-p-4 1767348245123456": {17, Received, "k3f9-p-4", at},
		"ledger 18 applied k3f9-p-4 1767348245123456":  {18, Applied, "k3f9-p-4", at},
	}
	for line, want := range good {
		if got, ok := Parse([]byte(line)); !ok || got != want {
			t.Errorf("Parse(%q) = %+v, %v", line, got, ok)
		}
	}
	bad := []string{
		"", "ledger", "listening on :8080", "ledger 0 start - 1", "ledger x start - 1", "ledger 1 start - -1",
		"ledger 1 paused - 1", "ledger 1 start  1", "ledger 1 received a b 1", "ledger 1 received a\x01b 1",
		"ledger 1 received " + strings.Repeat("a", IDMax+1) + " 1",
	}
	for _, line := range bad {
		if got, ok := Parse([]byte(line)); ok {
			t.Errorf("Parse(%q) = %+v, want none", line, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("ledger 18 applied k3f9-p-4 1767348245123456\n"))
	f.Add([]byte("ledger 1 start - 0"))
	f.Fuzz(func(t *testing.T, line []byte) {
		e, ok := Parse(line)
		if !ok {
			return
		}
		again, ok := Parse(Append(nil, e))
		if !ok || again != e {
			t.Errorf("%+v was read back as %+v, %v", e, again, ok)
		}
	})
}
