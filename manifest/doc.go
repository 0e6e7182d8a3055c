// Package manifest reads, edits and writes Kubernetes manifests, and is alone in that.
//
// What was read is a tree of [Node], not typed API structs: a node knows the place in
// the file that it came from, reading one costs no reflection, and a field that this
// version does not know is still there.
package manifest
