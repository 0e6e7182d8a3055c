package barrier

import (
	"fmt"
	"strconv"
	"strings"
)

// Numbers are the ports that serve as numbers, First and Last included.
type Numbers struct{ First, Last uint16 }

// DefaultNumbers lie below the ports that systems take for outgoing connections (from 32768 on) and
// the default range of NodePorts (from 30000 on). At the barrier's highest pace, they last for 40 minutes.
var DefaultNumbers = Numbers{20000, 29999}

// minNumbers keep an era longer than a pass takes.
const minNumbers = 2 * keptNumbers

// ParseNumbers reads FIRST-LAST.
func ParseNumbers(text string) (Numbers, error) {
	first, last, _ := strings.Cut(text, "-")
	low, err1 := strconv.ParseUint(first, 10, 16)
	high, err2 := strconv.ParseUint(last, 10, 16)
	if err1 != nil || err2 != nil || low < 1024 || high < low || high-low+1 < minNumbers {
		return Numbers{}, fmt.Errorf("ports %.40q: write FIRST-LAST, with %d ports or more, from 1024 to 65535", text, minNumbers)
	}
	return Numbers{uint16(low), uint16(high)}, nil
}

// String, MarshalText and UnmarshalText write and read FIRST-LAST.
func (n Numbers) String() string { return fmt.Sprintf("%d-%d", n.First, n.Last) }

// MarshalText never fails.
func (n Numbers) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalText fails like ParseNumbers.
func (n *Numbers) UnmarshalText(text []byte) (err error) {
	*n, err = ParseNumbers(string(text))
	return err
}

// Has reports whether port is one of them.
func (n Numbers) Has(port int) bool { return int(n.First) <= port && port <= int(n.Last) }

func (n Numbers) count() int { return int(n.Last) - int(n.First) + 1 }

// at gives the i-th number, counted around.
func (n Numbers) at(i int) uint16 { return n.First + uint16(i%n.count()) }
