package registries

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

// given are the ports given out so far, some of which are bound only later.
var given = struct {
	sync.Mutex
	ports map[int]bool
}{ports: map[int]bool{}}

// freePort returns a port such that nobody listens on it or at the given distances from it. It is below the kernel's
// range of ephemeral ports, so that it stays free until the server binds it.
func freePort(distances ...int) int {
	const low, high, tries = 12000, 31000, 1000
	given.Lock()
	defer given.Unlock()
	distances = append(distances, 0)
	for range tries {
		port := low + rand.IntN(high-low)
		if !allFree(port, distances) {
			continue
		}
		for _, distance := range distances {
			given.ports[port+distance] = true
		}
		return port
	}
	panic(fmt.Sprintf("no free port between %d and %d", low, high)) // a machine on which no test can run
}

func allFree(port int, distances []int) bool {
	for _, distance := range distances {
		if given.ports[port+distance] {
			return false
		}
		listener, err := net.Listen("tcp", fmt.Sprintf(":%d", port+distance))
		if err != nil || listener.Close() != nil {
			return false
		}
	}
	return true
}
