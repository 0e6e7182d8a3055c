// Package registries starts the real registries that tests and proofs run against, each with one call and as a
// local process: Nacos, Eureka and ZooKeeper from Maven Central, etcd, Consul and Polaris from their Go modules. It also
// starts applications that register and consume there. What it builds is kept in the user's cache folder.
package registries
