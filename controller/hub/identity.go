package hub

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
)

// Identity is the pod that a token was issued for.
type Identity struct{ Namespace, Name, UID string }

// Reviewer has the API server check a token.
type Reviewer interface {
	Review(ctx context.Context, review *authenticationv1.TokenReview) (*authenticationv1.TokenReview, error)
}

const (
	// remember is how long a checked token is believed: far less than its hour, long enough
	// for one pod's calls.
	remember = time.Minute
	// refuse is how long a token that was refused is not checked again.
	refuse = 5 * time.Second
	// maxTokens bounds what is remembered.
	maxTokens = 20_000
	// Checks a second, and at once: a rollout of some hundred pods, not a flood.
	reviewRate  = 100
	reviewBurst = 500
)

var errBusy = errors.New("too many tokens to check at once; ask again in a second")

// Identities tells pods by their tokens.
type Identities struct {
	reviewer Reviewer
	limit    *rate.Limiter

	mu    sync.Mutex
	known map[[sha256.Size]byte]verdict
}

type verdict struct {
	identity Identity
	err      error
	until    time.Time
}

// NewIdentities gives an Identities that asks reviewer.
func NewIdentities(reviewer Reviewer) *Identities {
	return &Identities{reviewer: reviewer, limit: rate.NewLimiter(reviewRate, reviewBurst), known: map[[sha256.Size]byte]verdict{}}
}

// Of gives the pod of a token that was issued for the hub and is bound to a pod.
func (i *Identities) Of(ctx context.Context, token string) (Identity, error) {
	hash := sha256.Sum256([]byte(token))
	i.mu.Lock()
	found, there := i.known[hash]
	i.mu.Unlock()
	if there && time.Now().Before(found.until) {
		return found.identity, found.err
	}
	if !i.limit.Allow() {
		return Identity{}, errBusy
	}
	review, err := i.reviewer.Review(ctx, &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: []string{hubapi.Audience}},
	})
	if err != nil {
		return Identity{}, fmt.Errorf("checking the token: %w", err)
	}
	identity, err := readReview(&review.Status)
	v := verdict{identity: identity, err: err, until: time.Now().Add(remember)}
	if err != nil {
		v.until = time.Now().Add(refuse)
	}
	i.keep(hash, v)
	return identity, err
}

func (i *Identities) keep(hash [sha256.Size]byte, v verdict) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.known) >= maxTokens {
		for hash, old := range i.known {
			if time.Now().After(old.until) {
				delete(i.known, hash)
			}
		}
	}
	if len(i.known) < maxTokens {
		i.known[hash] = v
	}
}

const userPrefix = "system:serviceaccount:"

func readReview(status *authenticationv1.TokenReviewStatus) (Identity, error) {
	if !status.Authenticated {
		return Identity{}, errors.New("the token was refused: is it expired, or not issued for the audience " + hubapi.Audience + "?")
	}
	if !slices.Contains(status.Audiences, hubapi.Audience) {
		return Identity{}, errors.New("the token is not for the audience " + hubapi.Audience)
	}
	account, isAccount := strings.CutPrefix(status.User.Username, userPrefix)
	namespace, _, two := strings.Cut(account, ":")
	name := status.User.Extra["authentication.kubernetes.io/pod-name"]
	uid := status.User.Extra["authentication.kubernetes.io/pod-uid"]
	if !isAccount || !two || namespace == "" || len(name) != 1 || len(uid) != 1 || uid[0] == "" {
		return Identity{}, errors.New("the token is not bound to a pod: use a projected serviceAccountToken volume")
	}
	return Identity{Namespace: namespace, Name: name[0], UID: uid[0]}, nil
}
