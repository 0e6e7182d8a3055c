// Package workload joins Kubernetes objects: a pod template with the controller that owns it, the
// Services that select it, and the budgets, autoscalers and ConfigMaps that bear on it. The joins
// are made once, by index, in [Join].
package workload
