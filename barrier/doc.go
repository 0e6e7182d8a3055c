// Package barrier proves that every kube-proxy has programmed everything up to a given
// resourceVersion, with no privilege on any node.
//
// A Service with externalTrafficPolicy Local gets a port on which each kube-proxy tells how
// many endpoints the Service has on its node, and it changes that number only after the
// transaction that programmed the rules. All EndpointSlices reach a kube-proxy in one
// ordered stream. So after a change was observed at resourceVersion r, the barrier writes
// another number of endpoints for each node into slices of its own; a node that shows its
// new number has programmed that write, and with it everything up to r.
//
// What keeps this sound:
//   - A node's number goes round 1, 2, 3 and never moves on before the node has shown the
//     present one, so that a straggler can't be mistaken for a node that has caught up.
//   - A number never outlives what is known about it: a barrier that loses track (a new
//     leader, a conflict, a deleted slice) begins a new era, with a Service of a name never used before.
//   - Nothing is remembered by time. A node has passed a change if a write that it has
//     acknowledged carries a resourceVersion above the change's.
//   - Where the order of the stream does not hold (Change.Late, Node.Unordered), it takes two
//     writes, the second made after the first was acknowledged.
//
// docs/decisions/0010-barrier.md has the reasons, and what was read in the code of Kubernetes.
package barrier
