package manifest

import (
	"regexp"
	"strings"
)

// number is what the API wants in a field that rules calculate with.
type number uint8

const (
	none  number = iota
	whole        // 30
	share        // 3, 25%
	port         // 8080, http
	flag         // true
)

// numberIn says what belongs in the field of a name.
func numberIn(key string) number {
	switch key {
	case "replicas", "minReplicas", "maxReplicas", "minReplicaCount", "maxReplicaCount", "minReadySeconds",
		"terminationGracePeriodSeconds", "gracePeriodSeconds", "progressDeadlineSeconds", "scaleDownDelaySeconds", "stabilizationWindowSeconds",
		"initialDelaySeconds", "periodSeconds", "timeoutSeconds", "failureThreshold", "successThreshold",
		"seconds", "containerPort", "hostPort":
		return whole
	case "maxUnavailable", "maxSurge", "minAvailable":
		return share
	case "port", "targetPort":
		return port
	case "hostNetwork", "shareProcessNamespace", "publishNotReadyAddresses":
		return flag
	}
	return none
}

// holdsTexts names the maps whose values are texts, whatever their keys are called.
func holdsTexts(key string) bool {
	switch key {
	case "data", "stringData", "binaryData", "labels", "annotations", "matchLabels":
		return true
	}
	return false
}

// portName is a port's name, or a number that somebody put in quotes.
var portName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// unknown reports whether something else stands where a number belongs: a placeholder of whatever
// spelling, a duration, a text. What number it stands for is not known.
func (f *File) unknown(n *Node) bool {
	want := numberIn(n.Key)
	switch {
	case want == none, n.Kind == Map:
		return false
	case n.Kind == Null:
		return f.Token(n) != ""
	case n.Kind == List:
		return want == whole || want == share // [[ grace ]]
	}
	switch want {
	case flag:
		_, ok := n.Bool()
		return !ok
	case port:
		if portName.MatchString(n.Value) {
			return false
		}
	case share:
		if digits, percent := strings.CutSuffix(n.Value, "%"); percent && digits != "" && strings.Trim(digits, "0123456789") == "" {
			return false
		}
	}
	_, ok := n.Int()
	return !ok
}

// Unknown reports whether something else stands where a number does.
func (f *File) Unknown() bool {
	for range f.unknowns() {
		return true
	}
	return false
}

// Filled is the file with the i-th unknown number set to what value says.
func (f *File) Filled(value func(i int) string) *File {
	filled, _ := Parse(f.Path, f.Src)
	filled.Rendered, filled.Template, filled.Pieces = f.Rendered, f.Template, f.Pieces
	i := 0
	for n := range filled.unknowns() {
		n.Kind, n.Value, n.Style, n.child = Scalar, value(i), Plain, nil
		i++
	}
	return filled
}

// unknowns ranges over what stands in place of numbers in all documents.
func (f *File) unknowns() func(yield func(*Node) bool) {
	return func(yield func(*Node) bool) {
		for _, d := range f.docs {
			if d != nil && !f.eachUnknown(d, yield) {
				return
			}
		}
	}
}

func (f *File) eachUnknown(n *Node, yield func(*Node) bool) bool {
	if n.Kind != Map && f.unknown(n) {
		return yield(n)
	}
	if n.Kind == Map && holdsTexts(n.Key) {
		return true
	}
	for c := n.child; c != nil; c = c.next {
		if !f.eachUnknown(c, yield) {
			return false
		}
	}
	return true
}
