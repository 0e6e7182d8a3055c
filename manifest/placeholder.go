package manifest

import (
	"regexp"
	"strings"
)

// placeholder is a value that another program puts in later: envsubst and Flux
// (${NAME}, $NAME), templates ({{ }}, <% %>), Octopus (#{name}), sed (__NAME__).
var placeholder = regexp.MustCompile(`\$\{[^}]*\}|^\$[A-Za-z_][A-Za-z0-9_]*$|\{\{.*\}\}|<%.*%>|#\{[^}]*\}|^__[A-Za-z0-9_]+__$`)

// Unfilled reports whether the value is a placeholder or holds one: what it will
// be is unknown.
func (n *Node) Unfilled() bool {
	return n != nil && n.Kind == Scalar && placeholder.MatchString(n.Value)
}

// unfilled reports it of a whole tree.
func (n *Node) unfilled() bool {
	if n.Unfilled() {
		return true
	}
	for c := range n.All() {
		if c.unfilled() {
			return true
		}
	}
	return false
}

// numbers are the fields in which a placeholder stands for a number, a percentage or a boolean: the
// ones that rules calculate with.
var numbers = map[string]bool{
	"replicas": true, "minReplicas": true, "maxReplicas": true, "minReplicaCount": true, "maxReplicaCount": true,
	"maxUnavailable": true, "maxSurge": true, "minAvailable": true, "minReadySeconds": true,
	"terminationGracePeriodSeconds": true, "progressDeadlineSeconds": true, "scaleDownDelaySeconds": true, "stabilizationWindowSeconds": true,
	"initialDelaySeconds": true, "periodSeconds": true, "timeoutSeconds": true, "failureThreshold": true, "successThreshold": true,
	"seconds": true, "port": true, "targetPort": true, "containerPort": true, "hostPort": true,
	"hostNetwork": true, "shareProcessNamespace": true, "publishNotReadyAddresses": true,
}

// Unknown counts the placeholders that stand where a number does.
func (f *File) Unknown() int {
	if !mayHoldPlaceholder(f.Src) {
		return 0
	}
	count := 0
	f.eachUnknown(func(*Node) { count++ })
	return count
}

func mayHoldPlaceholder(src string) bool {
	for _, sign := range []string{"$", "{{", "<%", "#{", "__"} {
		if strings.Contains(src, sign) {
			return true
		}
	}
	return false
}

// Filled is the file with the i-th unknown number set to what value says.
func (f *File) Filled(value func(i int) string) *File {
	filled, _ := Parse(f.Path, f.Src)
	filled.Rendered, filled.Template, filled.Pieces = f.Rendered, f.Template, f.Pieces
	i := 0
	filled.eachUnknown(func(n *Node) {
		n.Value, n.Style = value(i), Plain
		i++
	})
	return filled
}

func (f *File) eachUnknown(do func(*Node)) {
	var walk func(*Node)
	walk = func(n *Node) {
		if numbers[n.Key] && n.Unfilled() {
			do(n)
		}
		for c := range n.All() {
			walk(c)
		}
	}
	for _, d := range f.docs {
		if d != nil {
			walk(d)
		}
	}
}
