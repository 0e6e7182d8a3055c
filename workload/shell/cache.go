package shell

import (
	"strings"
	"sync"
	"sync/atomic"
)

// The bounds of what is kept: a folder's workloads often have the same few hooks.
const (
	maxKept     = 1_000
	maxKeptText = 1 << 10 // bytes
)

var (
	kept      sync.Map // Script by command line
	keptCount atomic.Int32
)

// readOnce reads a command line once. What depends on the environment is read anew
// each time.
func readOnce(argv []string, read func() Script) Script {
	size := 0
	for _, arg := range argv {
		if size += len(arg) + 1; size > maxKeptText || strings.IndexByte(arg, '$') >= 0 {
			return read()
		}
	}
	key := strings.Join(argv, "\x00")
	if s, ok := kept.Load(key); ok {
		return s.(Script)
	}
	s := read()
	if keptCount.Load() < maxKept {
		if _, already := kept.LoadOrStore(key, s); !already {
			keptCount.Add(1)
		}
	}
	return s
}
