// Package check finds what in a manifest will lose requests when a pod stops, and fixes it. It
// holds what all rules share: the shape of a rule, the run over a joined input, suppression, and
// the fix. The rules are in [github.com/lameduck-dev/lameduck/check/rules].
package check
