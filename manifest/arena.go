package manifest

import "sync/atomic"

// arena hands out nodes in blocks: one allocation for many. The blocks grow, so that little is
// wasted on many files or on a single value.
type arena struct {
	free    []Node
	size    int           // of the last block
	aliased *atomic.Int64 // values that aliases have expanded to, in all that is read; nil: not counted
}

// maxBlock nodes of 64 bytes and the allocator's header make up 16 KB, one of
// its size classes; so does each block before it.
const maxBlock = 255

func (a *arena) node() *Node {
	if len(a.free) == 0 {
		a.size = min(max(15, 2*a.size+1), maxBlock)
		a.free = make([]Node, a.size)
	}
	n := &a.free[0]
	a.free = a.free[1:]
	return n
}
