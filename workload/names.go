package workload

import (
	"hash/maphash"

	"github.com/lameduck-dev/lameduck/manifest"
)

type name struct{ kind, namespace, name string }

// names finds objects by their name. It keeps a hash for each, which takes a sixth of what the names
// themselves would.
type names struct {
	objects []*manifest.Object
	seed    maphash.Seed
	first   map[uint64]int32 // the first object with a hash
	next    []int32          // the next one with the same hash; none is 0, since the first object is nobody's next
}

func newNames(objects []*manifest.Object) names {
	n := names{objects, maphash.MakeSeed(), make(map[uint64]int32, len(objects)), make([]int32, len(objects))}
	for i := len(objects) - 1; i >= 0; i-- {
		o := objects[i]
		hash := n.hash(name{o.Kind, o.Namespace, o.Name})
		n.next[i] = n.first[hash]
		n.first[hash] = int32(i)
	}
	return n
}

func (n names) hash(of name) uint64 { return maphash.Comparable(n.seed, of) }

// of lists the objects of a name, in order: more than one if several files have it.
func (n names) of(wanted name) []*manifest.Object {
	var found []*manifest.Object
	i, more := n.first[n.hash(wanted)]
	for more {
		if o := n.objects[i]; (name{o.Kind, o.Namespace, o.Name}) == wanted {
			found = append(found, o)
		}
		i = n.next[i]
		more = i != 0
	}
	return found
}
