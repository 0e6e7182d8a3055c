package hub

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/graceful/termination"
)

// request is what the hub reads of a call before it knows whose it is: nothing inside its lists.
type request struct {
	Token       string          `json:"token"`
	WaitSeconds *int            `json:"waitSeconds"`
	Confirmed   bool            `json:"confirmed"`
	News        *uint64         `json:"news"`
	Peers       json.RawMessage `json:"peers"`
	Records     json.RawMessage `json:"records"`
	Timeline    json.RawMessage `json:"timeline"`
}

// readRequest reads a call to path. Each has a field that no other has: one that was sealed for
// any path can't be sent to another.
func readRequest(path string, plain []byte) (request, error) {
	var r request
	if err := json.Unmarshal(plain, &r); err != nil {
		return r, err
	}
	own := map[string]bool{
		hubapi.ConfirmPath: r.WaitSeconds != nil,
		hubapi.RecordPath:  r.Records != nil,
		hubapi.ReportPath:  r.Timeline != nil,
	}
	if !own[path] {
		return r, fmt.Errorf("is not a call to %s", path)
	}
	return r, nil
}

// told is what the hub reads of a termination.Timeline: the rest is not even decoded.
type told struct {
	Steps    few[termination.Step]     `json:"steps"`
	Evidence few[termination.Evidence] `json:"evidence"`
}

// maxEntries bounds every list that a pod sends.
const maxEntries = 64

// few is a list that is refused as soon as it is too long: 64 KiB of JSON can make some MiB of
// empty entries.
type few[T any] []T

func (f *few[T]) UnmarshalJSON(data []byte) error {
	if bytes.Equal(data, []byte("null")) {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	if start, err := decoder.Token(); err != nil || start != json.Delim('[') {
		return fmt.Errorf("%.10q is not a list", data)
	}
	for *f = nil; decoder.More(); {
		if len(*f) == maxEntries {
			return fmt.Errorf("a list has more than %d entries", maxEntries)
		}
		var one T
		if err := decoder.Decode(&one); err != nil {
			return err
		}
		*f = append(*f, one)
	}
	return nil
}
