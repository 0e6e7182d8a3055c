package check

import (
	"fmt"
	"strconv"
	"strings"
)

// Version is a Kubernetes version 1.x: its minor number.
type Version int

// DefaultVersion is the cluster's version where none is named.
const DefaultVersion Version = 34

func (v Version) String() string { return fmt.Sprintf("1.%d", int(v)) }

// ParseVersion reads 1.34, v1.34 or v1.34.2.
func ParseVersion(s string) (Version, error) {
	parts := strings.Split(strings.TrimPrefix(s, "v"), ".")
	if len(parts) >= 2 && parts[0] == "1" {
		if minor, err := strconv.Atoi(strings.TrimRight(parts[1], "+")); err == nil && minor >= 0 {
			return Version(minor), nil
		}
	}
	return 0, fmt.Errorf("kubernetes version %q: want one like 1.34", s)
}
