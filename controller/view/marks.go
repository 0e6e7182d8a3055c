package view

import (
	"slices"
	"time"
)

// maxMarks bounds how many of the barrier's latest writes are remembered.
const maxMarks = 256

// marks are the barrier's own writes as the informer delivered them, oldest first. They come in the
// same stream as the slices: with one, everything up to its resourceVersion has been taken in.
type marks struct {
	seen    []mark
	changed chan struct{} // closed with the next one
}

type mark struct {
	slice   string
	version uint64
	at      time.Time
}

// Mark takes in that the informer has delivered a slice of the barrier's own. It must be called in
// the stream's order, with the calls of SetSlice and DropSlice.
func (v *View) Mark(slice string, version uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	m := &v.marks
	if slices.ContainsFunc(m.seen, func(one mark) bool { return one.slice == slice && one.version >= version }) {
		return // a relist delivers it again
	}
	m.seen = append(m.seen[max(0, len(m.seen)-maxMarks+1):], mark{slice, version, time.Now()})
	if m.changed != nil {
		close(m.changed)
		m.changed = nil
	}
}

// Delivered gives when a write of the barrier at version, or a later one, was delivered; ok is
// false while none was. changed is closed with the next write.
func (v *View) Delivered(version uint64) (at time.Time, ok bool, changed <-chan struct{}) {
	v.mu.Lock()
	defer v.mu.Unlock()
	m := &v.marks
	if m.changed == nil {
		m.changed = make(chan struct{})
	}
	for _, one := range m.seen {
		if one.version >= version {
			return one.at, true, m.changed
		}
	}
	return time.Time{}, false, m.changed
}
