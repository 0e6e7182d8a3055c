// Package barrier proves that every kube-proxy has programmed everything up to a given
// resourceVersion, with no privilege on any node.
//
// A NodePort Service without a selector has one endpoint: this process. The endpoint's port is the
// number of the barrier's last write. All EndpointSlices reach a kube-proxy in one ordered stream,
// and it programs what it has received in one transaction. So after a change was observed at
// resourceVersion r, the barrier writes the next number, and opens a connection to each node at the
// Service's NodePort. The port at which the connection arrives is the number that the node's rules
// hold: the node has programmed that write, and with it everything up to r.
//
// What keeps this sound:
//   - A number comes once in an era. When all have been used, or the barrier can't tell any more what
//     is written (a conflict, a deleted slice), a new era begins, with a Service of a new name.
//   - A NodePort may have belonged to an earlier Service. So a node counts only once its kube-proxy
//     has answered for a Service that was made after the era's own.
//   - A connection counts only if it brings the secret of the question that is open, and comes from
//     another address than the one it was opened from: a node's proxy has replaced it.
//   - Nothing is remembered by time. A node has passed a change if a write that it has shown carries
//     a resourceVersion above the change's.
//   - Where the order of the stream does not hold (Change.Late, Node.Unordered), it takes two
//     writes, the second begun after the first was shown.
//
// docs/decisions/0010-barrier.md has the reasons, and what was read in the code of Kubernetes.
package barrier
