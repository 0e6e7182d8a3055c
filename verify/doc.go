// Package verify counts, honestly, what is lost while something is done to a workload.
//
// Run sends requests at a constant rate, open loop: each request has an intended start that
// does not depend on how the ones before it fared, and its latency and its timeout count from
// there. The load runs in lanes side by side (a fresh connection per request, keep-alive
// connections, POSTs that nobody may replay), since each of them shows losses that the others
// hide. A request that the HTTP client retried in silence is counted as masked, one that could
// not be sent in time as unsent.
//
// Given a cluster to watch, Run joins each loss with the pod that was behind it and the phase of
// its termination.
package verify
