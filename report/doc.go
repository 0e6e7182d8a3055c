// Package report holds what lameduck tells people and machines at the end: the documents
// themselves (their JSON is the schema in docs/) and their renderings.
package report
