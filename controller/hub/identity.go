package hub

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/controller/pace"
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
	// Checks a second, and at once: enough for a rollout of some hundred pods, not for a flood.
	reviewRate, reviewBurst = 100, 500
	// Of one address: a node's pods, where the network hides theirs.
	addressRate, addressBurst = 20, 256
	// Of tokens that name one pod, from one address: each container's first call.
	podRate, podBurst = 1, callsEach
)

var errBusy = errors.New("too many tokens to check at once; ask again in a second")

// Identities recognises pods by their tokens.
type Identities struct {
	reviewer  Reviewer
	all       *rate.Limiter
	addresses *pace.Paces[netip.Addr]
	pods      *pace.Paces[claimant]

	mu     sync.Mutex
	known  map[[sha256.Size]byte]checked
	tidyAt int // at how many the expired ones are dropped
}

// claimant is a caller that says it is a pod. Tokens that another address sends in a pod's name
// take nothing from the pod.
type claimant struct {
	from netip.Addr
	uid  string
}

type checked struct {
	identity Identity
	err      error
	until    time.Time
}

// NewIdentities gives an Identities that asks reviewer.
func NewIdentities(reviewer Reviewer) *Identities {
	return &Identities{
		reviewer:  reviewer,
		all:       rate.NewLimiter(reviewRate, reviewBurst),
		addresses: pace.New[netip.Addr](addressRate, addressBurst),
		pods:      pace.New[claimant](podRate, podBurst),
		known:     map[[sha256.Size]byte]checked{},
	}
}

// Of gives the pod of a token that was issued for the hub and is bound to a pod; claimed is what
// the token says about itself.
func (i *Identities) Of(ctx context.Context, from netip.Addr, claimed Identity, token string) (Identity, error) {
	hash := sha256.Sum256([]byte(token))
	i.mu.Lock()
	found, there := i.known[hash]
	i.mu.Unlock()
	if there && time.Now().Before(found.until) {
		return found.identity, found.err
	}
	if !i.pods.Allow(claimant{from, claimed.UID}) || !i.addresses.Allow(from) || !i.all.Allow() {
		return Identity{}, errBusy
	}
	review, err := i.reviewer.Review(ctx, &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: []string{hubapi.Audience}},
	})
	if err != nil {
		return Identity{}, fmt.Errorf("checking the token: %w", err)
	}
	identity, err := readReview(&review.Status)
	v := checked{identity: identity, err: err, until: time.Now().Add(remember)}
	if err != nil {
		v.until = time.Now().Add(refuse)
	}
	i.keepChecked(hash, v)
	return identity, err
}

func (i *Identities) keepChecked(hash [sha256.Size]byte, v checked) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.known) >= i.tidyAt {
		for hash, old := range i.known {
			if time.Now().After(old.until) {
				delete(i.known, hash)
			}
		}
		i.tidyAt = min(max(2*len(i.known), 500), maxTokens)
	}
	if len(i.known) < maxTokens {
		i.known[hash] = v
	}
}

var errUnbound = errors.New("the token is not bound to a pod: use a projected serviceAccountToken volume")

// claims reads which pod a token claims to be, unproved: enough to turn away a caller that names
// none before the API server is asked.
func claims(token string) (Identity, error) {
	var said struct {
		Kubernetes struct {
			Namespace string `json:"namespace"`
			Pod       struct {
				Name string `json:"name"`
				UID  string `json:"uid"`
			} `json:"pod"`
		} `json:"kubernetes.io"`
	}
	_, rest, _ := strings.Cut(token, ".")
	body, _, _ := strings.Cut(rest, ".")
	text, err := base64.RawURLEncoding.DecodeString(body)
	if err == nil {
		err = json.Unmarshal(text, &said)
	}
	identity := Identity{Namespace: said.Kubernetes.Namespace, Name: said.Kubernetes.Pod.Name, UID: said.Kubernetes.Pod.UID}
	if err != nil || identity.Namespace == "" || identity.Name == "" || identity.UID == "" {
		return Identity{}, errUnbound
	}
	return identity, nil
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
		return Identity{}, errUnbound
	}
	return Identity{Namespace: namespace, Name: name[0], UID: uid[0]}, nil
}
