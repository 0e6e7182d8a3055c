package check

// Image is what a container image says about its process.
type Image struct {
	Entrypoint []string          `json:"entrypoint"`
	Cmd        []string          `json:"cmd"`
	StopSignal string            `json:"stopSignal"`
	Shell      *bool             `json:"shell"` // has it /bin/sh; nil if not known
	Labels     map[string]string `json:"labels"`
}

// Images holds what is known of images, by the name that manifests use.
// An image that is not in it is unknown: no rule guesses.
type Images map[string]Image
