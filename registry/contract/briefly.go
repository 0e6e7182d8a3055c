//go:build !nightly

package contract

// Nightly says that there is time for what takes minutes, to run or to build the server. CI has the
// others, and the tapes.
const Nightly = false
