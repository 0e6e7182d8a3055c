// Package examples holds servers that use graceful, and what compares it with other libraries.
package examples
