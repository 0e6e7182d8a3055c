// Package zookeeper_test is the contract of ZooKeeper's client. ZooKeeper does not speak HTTP, so
// there is no tape of it: the contract runs against real servers only.
package zookeeper_test
