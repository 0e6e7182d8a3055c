// Package settings carries arguments from the webhook to `lameduck-agent install` in such a way that an
// agent of the version before, which ends with an error at a flag that it does not know, passes over them.
package settings

import (
	"encoding/json"
	"fmt"
)

// Variable is the environment variable of the init container that holds them, as a list in JSON. It is for
// flags that the agent of the version before does not know; older agents don't read it.
const Variable = "LAMEDUCK_INSTALL_ARGS"

// Write gives the variable's value.
func Write(args []string) string {
	text, _ := json.Marshal(args) // of strings: it can't fail
	return string(text)
}

// Read reads it; an unset variable holds none.
func Read(text string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	var args []string
	if err := json.Unmarshal([]byte(text), &args); err != nil {
		return nil, fmt.Errorf("%s: %w; write a list of flags in JSON", Variable, err)
	}
	return args, nil
}
