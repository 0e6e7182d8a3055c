// Package e2e proves lameduck on a real Kubernetes: pods stopped under load with nothing
// lost, beside control runs that lose when lameduck is taken away.
package e2e
