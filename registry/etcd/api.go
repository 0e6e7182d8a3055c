package etcd

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/web"
)

// The messages of etcd's JSON gateway, which every server from 3.4 on serves beside gRPC unless
// --enable-grpc-gateway=false. Keys and values are bytes, which JSON has as base64; revisions
// are 64 bits wide, which it has as text; what is zero or false is left out.
type (
	keyValue struct {
		Key         []byte `json:"key"`
		Value       []byte `json:"value"`
		ModRevision string `json:"mod_revision"`
	}
	rangeRequest struct {
		Key      []byte `json:"key"`
		RangeEnd []byte `json:"range_end"`
	}
	compare struct {
		Key         []byte `json:"key"`
		Target      string `json:"target"`
		Result      string `json:"result"`
		ModRevision string `json:"mod_revision"`
	}
	txnRequest struct {
		Compare []compare `json:"compare"`
		Success []deletes `json:"success"`
	}
	deletes struct {
		DeleteRange struct {
			Key []byte `json:"key"`
		} `json:"request_delete_range"`
	}
	reply struct {
		Header *struct {
			Revision string `json:"revision"`
		} `json:"header"`
		KVs       []keyValue `json:"kvs"`
		Succeeded bool       `json:"succeeded"`
		Token     string     `json:"token"`
	}
	failure struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
)

// gRPC codes that tell what is wrong.
const (
	invalidArgument    = 3
	permissionDenied   = 7
	failedPrecondition = 9
	unauthenticated    = 16
)

// pair is a key as it was found.
type pair struct {
	key      string
	value    []byte
	revision string
}

// list reads what is below a folder. By default etcd answers with what the majority of its members
// has.
func (c *Client) list(ctx context.Context, member, folder string) ([]pair, error) {
	last := len(folder) - 1 // its slash: the next character ends what is below
	got, err := c.call(ctx, member, "/v3/kv/range", rangeRequest{Key: []byte(folder), RangeEnd: []byte(folder[:last] + "0")})
	if err != nil {
		return nil, err
	}
	var pairs []pair
	for _, kv := range got.KVs {
		pairs = append(pairs, pair{string(kv.Key), kv.Value, kv.ModRevision})
	}
	return pairs, nil
}

// delete deletes a key if it has not been written since.
func (c *Client) delete(ctx context.Context, member string, p pair) error {
	if revision, err := strconv.ParseInt(p.revision, 10, 64); err != nil || revision <= 0 {
		return fmt.Errorf("%s: %s has the revision %.40q, which is none: nothing was deleted", member, p.key, p.revision)
	}
	request := txnRequest{
		Compare: []compare{{Key: []byte(p.key), Target: "MOD", Result: "EQUAL", ModRevision: p.revision}},
		Success: make([]deletes, 1),
	}
	request.Success[0].DeleteRange.Key = []byte(p.key)
	got, err := c.call(ctx, member, "/v3/kv/txn", request)
	if err == nil && !got.Succeeded {
		err = fmt.Errorf("%s: %s was written while it was to be deleted: nothing was deleted", member, p.key)
	}
	return err
}

// call makes one call, with a token if there is a user; one that has expired is renewed once.
func (c *Client) call(ctx context.Context, member, path string, message any) (reply, error) {
	token, err := c.login(ctx, member, "")
	if err != nil {
		return reply{}, err
	}
	answer, err := c.post(ctx, member+path, token, message)
	if err != nil {
		return reply{}, err
	}
	said := says(answer)
	if token != "" && said.expired() {
		if token, err = c.login(ctx, member, token); err != nil {
			return reply{}, err
		}
		if answer, err = c.post(ctx, member+path, token, message); err != nil {
			return reply{}, err
		}
		said = says(answer)
	}
	if remedy := said.remedy(token != ""); remedy != "" {
		return reply{}, fmt.Errorf("%w: %s: %s (%s)", registry.ErrDenied, answer.Where(), answer.Text(), remedy)
	}
	return parse(answer)
}

func (c *Client) post(ctx context.Context, address, token string, message any) (web.Answer, error) {
	body, err := json.Marshal(message)
	if err != nil {
		return web.Answer{}, err
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if token != "" {
		header.Set("Authorization", token)
	}
	return c.web.Do(ctx, web.Call{Method: http.MethodPost, URL: address, Header: header, Body: string(body)})
}

// parse reads an answer; one of etcd's always has a header.
func parse(answer web.Answer) (got reply, err error) {
	if answer.Status == http.StatusNotFound {
		return got, fmt.Errorf("it has no JSON gateway; is it etcd, 3.4 or later, without --enable-grpc-gateway=false? %w", answer.Err())
	}
	if answer.Status != http.StatusOK {
		return got, answer.Err()
	}
	if err := json.Unmarshal(answer.Body, &got); err != nil {
		return got, fmt.Errorf("%s: not an answer of etcd (%w): %s", answer.Where(), err, answer.Text())
	}
	if got.Header == nil || got.Header.Revision == "" {
		return got, fmt.Errorf("not an answer of etcd: %w", answer.Err())
	}
	return got, nil
}
