package plan

import (
	"fmt"
	"net/netip"
	"strings"
)

// FreeSlot picks the lowest slot that no other instance has and whose ranges overlap none of the host's.
// inUse are the host's own addresses and routes, without the default route.
func FreeSlot(others []Plan, inUse []netip.Prefix) (int, error) {
	var busy []string
	for slot := range Slots {
		reason := occupant(slot, others, inUse)
		if reason == "" {
			return slot, nil
		}
		busy = append(busy, reason)
	}
	return 0, fmt.Errorf("no address range is free for another cluster (%s): take one down, or free one of the ranges",
		strings.Join(busy, "; "))
}

func occupant(slot int, others []Plan, inUse []netip.Prefix) string {
	for _, other := range others {
		if other.Slot == slot {
			return fmt.Sprintf("%s is cluster %q", other.NodeNet(), other.Name)
		}
	}
	for _, wanted := range (Plan{Slot: slot}).Ranges() {
		for _, taken := range inUse {
			if wanted.Overlaps(taken) {
				return fmt.Sprintf("%s overlaps the host's %s", wanted, taken)
			}
		}
	}
	return ""
}
