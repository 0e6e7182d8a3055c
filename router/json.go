package router

import (
	"encoding/json"
	"errors"
	"fmt"
)

// JSON reads an answer in JSON piece by piece: a whole one would take more memory than its router is worth.
type JSON struct {
	body    *Body
	decoder *json.Decoder
}

// NewJSON reads JSON from an answer.
func NewJSON(body *Body) *JSON { return &JSON{body, json.NewDecoder(body)} }

// List reads a list, each element by a call of each.
func (j *JSON) List(each func() error) error {
	if err := j.expect('['); err != nil {
		return err
	}
	for j.more() {
		if err := each(); err != nil {
			return err
		}
	}
	return j.expect(']')
}

// Object reads an object: the value of the named field by a call of read, and nothing of the others.
func (j *JSON) Object(name string, read func() error) error {
	if err := j.expect('{'); err != nil {
		return err
	}
	for j.more() {
		field, err := j.decoder.Token()
		if err != nil {
			return err
		}
		j.body.Next()
		if field == name {
			err = read()
		} else {
			err = j.skip()
		}
		if err != nil {
			return err
		}
	}
	return j.expect('}')
}

// Value reads a value as one piece.
func (j *JSON) Value(into any) error {
	j.body.Next()
	return j.decoder.Decode(into)
}

func (j *JSON) more() bool {
	j.body.Next()
	return j.decoder.More()
}

func (j *JSON) expect(want json.Delim) error {
	j.body.Next()
	switch got, err := j.decoder.Token(); {
	case err != nil:
		return err
	case got != want:
		return fmt.Errorf("its answer has %.20v where %v is expected", got, want)
	}
	return nil
}

// maxDepth bounds how deep what is skipped may be nested.
const maxDepth = 32

var errDeep = errors.New("its answer is nested too deep")

func (j *JSON) skip() error {
	for depth := 0; ; {
		j.body.Next()
		token, err := j.decoder.Token()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		switch {
		case depth == 0:
			return nil
		case depth > maxDepth:
			return errDeep
		}
	}
}
