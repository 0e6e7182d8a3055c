package manifest

import (
	"math"
	"regexp"
	"strconv"
	"strings"
)

// The API server reads YAML 1.1, and numbers of any base in it: 0x10 is 16, 010 is 8, and yes is true.

// float is what YAML 1.1 takes for a number that is written with a point or an exponent.
var float = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)

// Int reads an unquoted number that is an integer, however it is written: 30, 30.0, 3e1 and 0x1e are
// one to the API server.
func (n *Node) Int() (int64, bool) {
	if n == nil || n.Kind != Scalar || n.Style != Plain || n.Value == "" || n.Value[0] > '9' {
		return 0, false // an error of ParseInt costs memory
	}
	if strings.Trim(n.Value, "0123456789") == "" && n.Value[0] != '0' {
		i, err := strconv.ParseInt(n.Value, 10, 64)
		return i, err == nil
	}
	if strings.IndexByte("0123456789+-.", n.Value[0]) < 0 {
		return 0, false
	}
	plain := strings.ReplaceAll(n.Value, "_", "")
	if i, err := strconv.ParseInt(plain, 0, 64); err == nil {
		return i, true
	}
	if !float.MatchString(plain) || n.Value[0] == '.' && plain != n.Value {
		return 0, false
	}
	f, err := strconv.ParseFloat(plain, 64)
	return int64(f), err == nil && math.Abs(f) < 1<<53 && f == math.Trunc(f)
}

// IntOr is Int with a default for a value that is not there.
func (n *Node) IntOr(absent int64) int64 {
	if i, ok := n.Int(); ok {
		return i
	}
	return absent
}

// Bool reads an unquoted true or false, or what YAML 1.1 has for them; anything else is absent.
func (n *Node) Bool() (value, ok bool) {
	if n == nil || n.Kind != Scalar || n.Style != Plain {
		return false, false
	}
	switch n.Value {
	case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y":
		return true, true
	case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N":
		return false, true
	}
	return false, false
}

// IsTrue reports whether the value is an unquoted true.
func (n *Node) IsTrue() bool {
	v, ok := n.Bool()
	return v && ok
}
