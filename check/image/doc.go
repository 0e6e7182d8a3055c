// Package image reads what check wants to know of container images from an
// image on this disk: an OCI layout, an archive of one, or what `docker save`
// writes. Nothing is fetched and nothing is unpacked.
package image
