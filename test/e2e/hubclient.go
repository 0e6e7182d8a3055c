package e2e

import (
	"bytes"
	"context"
	"crypto/hpke"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/agent/seal"
	"github.com/lameduck-dev/lameduck/deploy"
)

// hubClient asks the hub as a pod's agent does: in sealed bodies, with a token bound to the pod.
type hubClient struct {
	client  kubernetes.Interface
	key     hpke.PublicKey
	http    http.Client
	address func(context.Context) (string, error)
}

func newHubClient(ctx context.Context, client kubernetes.Interface) (*hubClient, error) {
	secret, err := client.CoreV1().Secrets(deploy.Namespace).Get(ctx, deploy.KeysSecret, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("reading the hub's key: %w", err)
	}
	private, err := seal.ParsePrivate(strings.TrimSpace(string(secret.Data["hub.key"])))
	if err != nil {
		return nil, fmt.Errorf("reading the hub's key: %w", err)
	}
	h := &hubClient{client: client, key: private.PublicKey(), http: http.Client{Timeout: hubapi.MaxWait + 5*time.Second}}
	h.address = h.installed
	return h, nil
}

// installed is the address of the hub that is installed.
func (h *hubClient) installed(ctx context.Context) (string, error) {
	slice, err := h.client.DiscoveryV1().EndpointSlices(deploy.Namespace).Get(ctx, deploy.HubService, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(slice.Endpoints[0].Addresses[0], fmt.Sprint(*slice.Ports[0].Port)), nil
}

func (h *hubClient) token(ctx context.Context, pod *corev1.Pod) (string, error) {
	made, err := h.client.CoreV1().ServiceAccounts(pod.Namespace).CreateToken(ctx, pod.Spec.ServiceAccountName, &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{
			Audiences:         []string{hubapi.Audience},
			ExpirationSeconds: ptr.To[int64](600),
			BoundObjectRef:    &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("creating a token for %s: %w", pod.Name, err)
	}
	return made.Status.Token, nil
}

// confirm asks until the hub has confirmed, or has said that it can't.
func (h *hubClient) confirm(ctx context.Context, token string) (hubapi.ConfirmResponse, error) {
	var last error
	for ctx.Err() == nil {
		response, err := h.ask(ctx, token, 5*time.Second)
		switch {
		case err != nil:
			last = err
		case response.Error != "":
			last = errors.New(response.Error)
		case response.Confirmed, response.Final:
			return response, nil
		default:
			continue
		}
		time.Sleep(200 * time.Millisecond)
	}
	return hubapi.ConfirmResponse{}, fmt.Errorf("asking the hub: %w", errors.Join(ctx.Err(), last))
}

// ask asks once; the hub may hold its answer for wait.
func (h *hubClient) ask(ctx context.Context, token string, wait time.Duration) (hubapi.ConfirmResponse, error) {
	var response hubapi.ConfirmResponse
	address, err := h.address(ctx)
	if err != nil {
		return response, err
	}
	plain, err := json.Marshal(hubapi.ConfirmRequest{Token: token, WaitSeconds: int(wait / time.Second)})
	if err != nil {
		return response, err
	}
	sealed, open, err := seal.Request(h.key, hubapi.ConfirmPath, plain)
	if err != nil {
		return response, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+hubapi.ConfirmPath, bytes.NewReader(sealed))
	if err != nil {
		return response, err
	}
	answer, err := h.http.Do(request)
	if err != nil {
		return response, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, hubapi.MaxResponse))
	if err != nil {
		return response, err
	}
	if answer.StatusCode != http.StatusOK {
		return response, fmt.Errorf("HTTP status %s", answer.Status)
	}
	if body, err = open(body); err != nil {
		return response, err
	}
	return response, json.Unmarshal(body, &response)
}
