// Package termination is the domain: how one pod goes from serving to stopped, how its time is
// spent, and what was observed on the way.
//
// It is pure: no goroutine, no clock, no Kubernetes type. Callers pass the times they saw.
package termination
