package job

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/lameduck-dev/lameduck/report"
)

// A result travels in the log of the pod, between the lines for people: compressed, and cut into lines
// that every runtime and kubelet leaves whole. The kubelet keeps 10 MiB of a log by default.
const (
	resultPrefix = "lameduck-result "
	pieceBytes   = 3 << 10  // of one line, before base64
	packedMax    = 4 << 20  // of all pieces
	resultMax    = 16 << 20 // bytes of JSON: some 40,000 losses; more are counted, not listed
)

// WriteResult writes a result for the client that follows the log.
func WriteResult(w io.Writer, v *report.Verify) error {
	packed, fits, err := pack(v)
	for err == nil && !fits && len(v.Losses) > 0 {
		fewer := *v
		fewer.Losses = v.Losses[:len(v.Losses)/2]
		fewer.LossesOmitted += len(v.Losses) - len(fewer.Losses)
		v = &fewer
		packed, fits, err = pack(v)
	}
	if err != nil {
		return err
	}
	pieces := (len(packed) + pieceBytes - 1) / pieceBytes
	for i := range pieces {
		piece := packed[i*pieceBytes : min((i+1)*pieceBytes, len(packed))]
		if _, err := fmt.Fprintf(w, "%s%d/%d %s\n", resultPrefix, i, pieces, base64.StdEncoding.EncodeToString(piece)); err != nil {
			return err
		}
	}
	return nil
}

func pack(v *report.Verify) (packed []byte, fits bool, err error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, false, err
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err = z.Write(text)
	if err := errors.Join(err, z.Close()); err != nil {
		return nil, false, err
	}
	return b.Bytes(), len(text) <= resultMax && b.Len() <= packedMax, nil
}

// pieces collects a result from the lines of a log. A line may come twice.
type pieces struct {
	all    [][]byte
	have   int
	broken bool
}

// add takes a line of a log; ok says that it was a piece of a result.
func (p *pieces) add(line string) (ok bool) {
	rest, ok := strings.CutPrefix(line, resultPrefix)
	if !ok {
		return false
	}
	numbers, text, _ := strings.Cut(strings.TrimSpace(rest), " ")
	at, of, _ := strings.Cut(numbers, "/")
	i, iErr := strconv.Atoi(at)
	n, nErr := strconv.Atoi(of)
	data, dataErr := base64.StdEncoding.DecodeString(text)
	const most = packedMax/pieceBytes + 1
	if errors.Join(iErr, nErr, dataErr) != nil || n < 1 || n > most || i < 0 || i >= n || p.all != nil && n != len(p.all) || len(data) > pieceBytes {
		p.broken = true
		return true
	}
	if p.all == nil {
		p.all = make([][]byte, n)
	}
	if p.all[i] == nil {
		p.all[i] = data
		p.have++
	}
	return true
}

// complete reports whether every piece is there.
func (p *pieces) complete() bool { return p.all != nil && p.have == len(p.all) }

var errNoResult = errors.New("its log has no result")

// result puts the pieces together.
func (p *pieces) result() (*report.Verify, error) {
	switch {
	case p.broken:
		return nil, errors.New("the result in its log can't be read")
	case p.all == nil:
		return nil, errNoResult
	case !p.complete():
		return nil, fmt.Errorf("its log has %d of the %d pieces of its result", p.have, len(p.all))
	}
	z, err := gzip.NewReader(bytes.NewReader(bytes.Join(p.all, nil)))
	if err != nil {
		return nil, fmt.Errorf("the result in its log can't be read: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(z, resultMax+1))
	if err == nil && len(text) > resultMax {
		err = fmt.Errorf("it is longer than %d MiB", resultMax>>20)
	}
	if err != nil {
		return nil, fmt.Errorf("the result in its log can't be read: %w", err)
	}
	var v report.Verify
	if err := json.Unmarshal(text, &v); err != nil {
		return nil, fmt.Errorf("the result in its log can't be read: %w", err)
	}
	if v.Schema != report.VerifySchema {
		return nil, fmt.Errorf("its result is %q, and not %q: the image is of another version", v.Schema, report.VerifySchema)
	}
	return &v, nil
}
