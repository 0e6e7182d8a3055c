// Package netns creates network namespaces and runs functions inside them.
//
// A namespace is kept alive by a bind mount on a file of the caller's choice, not under /run/netns: so everything that
// an instance creates is in its own directory, and is found and removed by that directory.
package netns
