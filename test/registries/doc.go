// Package registries starts the real registries that tests and proofs are held against, each with one call and as a
// local process: Nacos, Eureka and ZooKeeper from Maven Central, etcd from its Go module. It starts applications too
// that register there and consume from there. What it builds is kept in the user's cache folder.
package registries
