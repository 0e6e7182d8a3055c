// Package workload reads Kubernetes manifests and joins them: a pod template
// with the controller that owns it, the Services that select it, the budgets,
// autoscalers and ConfigMaps that bear on it.
//
// Objects are kept as trees of [Node], not as typed API structs: a node knows
// the place in the file that it came from, reading one costs no reflection,
// and a field that this version does not know is still there. The joins are
// made once, by index, in [Join].
package workload
