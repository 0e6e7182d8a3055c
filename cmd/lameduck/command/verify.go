package command

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lameduck-dev/lameduck/report"
	"github.com/lameduck-dev/lameduck/verify"
	"github.com/lameduck-dev/lameduck/verify/action"
	"github.com/lameduck-dev/lameduck/verify/job"
)

// Exit codes of verify.
const (
	verifyLost   = 1
	verifyUsage  = 2
	verifyFailed = 3
)

// caMax bounds what is read of --ca-file, in bytes.
const caMax = 4 << 20

type verifyFlags struct {
	options    verify.Options
	header     []string
	do         string
	output     string
	namespace  string
	selector   string
	kubeconfig string
	context    string
	caFile     string
	insecure   bool
	noWatch    bool
	keepCordon bool
	inCluster  inCluster
	ownRole    string // of a run in the cluster, to be deleted at its end
}

func newVerify(build Build) *cobra.Command { return new(verifyFlags).command(build) }

func (f *verifyFlags) command(build Build) *cobra.Command {
	cmd := &cobra.Command{
		Use:         "verify --url URL [--do ACTION | -- COMMAND...]",
		Annotations: map[string]string{endsInOrder: "uncordons, and reports what it saw until then"},
		Short:       "Count honestly what is lost while something is done to a workload",
		Long: `verify sends requests at a constant rate, does something to the workload meanwhile, and
counts what was lost: requests that failed, that could not be sent in time, and that the
HTTP client retried in silence (masked). It attributes each loss to a pod and to the phase of
its termination, and shows every leaving pod's timeline.

Lanes run side by side and share the rate, since each shows what the others hide. The first
three run unless --lanes says otherwise:
  fresh        GET, a new connection for each request
  keepalive    GET over keep-alive connections
  post         POST with an id of its own, over keep-alive connections; never replayed
  h2           GET over HTTP/2: over TLS for https, else in clear ("prior knowledge")
  grpc         unary gRPC calls; of grpc.health.v1.Health/Check unless told otherwise
  grpc-stream  gRPC streams, each held for --hold; of grpc.health.v1.Health/Watch
  ws           WebSocket sessions, each held for --hold
  sse          streams of server-sent events, each held for --hold
  download     GET of a long answer, which must be whole within --timeout and --hold
A lane with a URL of its own is given as NAME=URL, absolute or relative to --url:
  --lanes fresh,ws=/socket,grpc=http://app.shop.svc:9090/shop.Cart/Get

Actions (--do), or any command after --:
  ` + strings.ReplaceAll(action.Help, "\n", "\n  ") + `

The load begins --before earlier, and goes on until the pods that left are gone, and --after
longer. If answers are JSON with the request's X-Request-Id as "id" and the pod's name as
"pod", more losses can be attributed to their pod for certain.

The URL must be reachable from here. With --in-cluster verify runs where the clients are: it
makes a Job with a ServiceAccount and just the rights that it needs, shows what that says,
writes the result here, and removes all of it.

Watching the workload needs the rights to list and watch pods, EndpointSlices and events in its
namespace, and to read pod logs; --no-watch does without.

Exit codes: 0 nothing was lost or masked, 1 something was, 2 wrong usage, 3 nothing was
proved: the target or the cluster could not be reached, or the action failed.`,
		Example: `  lameduck verify --in-cluster --url http://app --rate 200 -n shop --do "rollout-restart deploy/app"
  lameduck verify --url http://app.shop.svc --rate 200 -n shop --do "rollout-restart deploy/app"
  lameduck verify --url http://app.shop.svc -n shop --do "drain node2" -o json
  lameduck verify --url http://app.shop.svc -n shop -- helm upgrade app ./chart --wait`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(cmd, args); err != nil {
				return &exitError{verifyUsage, err}
			}
			if f.inCluster.on {
				return f.runInCluster(cmd, build)
			}
			defer f.deleteOwnRole(cmd)
			return f.run(cmd, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.options.URL, "url", "", "URL to send requests to (required)")
	flags.Float64Var(&f.options.Rate, "rate", 100, "requests per second, all lanes together")
	flags.StringSliceVar(&f.options.Lanes, "lanes", verify.DefaultLanes, "lanes to run: "+strings.Join(verify.AllLanes(), ", ")+"; each as NAME or NAME=URL")
	flags.DurationVar(&f.options.Hold, "hold", 5*time.Second, "how long each stream and session of the held lanes lasts")
	flags.BytesBase64Var(&f.options.GRPCMessage, "grpc-message", nil, "message that the lanes grpc and grpc-stream send, encoded as protobuf and then in `base64` (default: an empty one)")
	flags.StringVar(&f.options.WSMessage, "ws-message", "", "`text` that the lane ws sends every second and that must be answered by some message (default: pings)")
	flags.StringVar(&f.caFile, "ca-file", "", "certificates to trust for https, as a PEM `file` (default: those of the system)")
	flags.BoolVar(&f.insecure, "insecure-skip-verify", false, "trust any certificate")
	flags.StringArrayVarP(&f.header, "header", "H", nil, `header to send, as "Name: value"; may be repeated`)
	flags.StringVar(&f.do, "do", "", "what to do while the load runs")
	flags.DurationVar(&f.options.Before, "before", 3*time.Second, "load before the action, if there is one")
	flags.DurationVar(&f.options.After, "after", 5*time.Second, "load after the action, if there is one, is complete and the pods are gone")
	flags.DurationVar(&f.options.Duration, "duration", 10*time.Second, "length of the load when there is no action")
	flags.DurationVar(&f.options.ActionTimeout, "action-timeout", 15*time.Minute, "longest time for the action")
	flags.DurationVar(&f.options.Timeout, "timeout", 5*time.Second, "timeout of a request, from its intended start")
	flags.IntVar(&f.options.MaxInFlight, "max-in-flight", 0, "most requests in flight in a lane (default: what it sends within --timeout, 16 to 4096)")
	flags.IntVar(&f.options.Conns, "conns", 0, "keep-alive connections of a lane (default: 10, fewer at low rates)")
	flags.DurationVar(&f.options.IdleTimeout, "idle-timeout", time.Second, "idle time after which the client closes a connection")
	flags.StringVarP(&f.namespace, "namespace", "n", "", "namespace of the workload (default: of the kubeconfig's context)")
	flags.StringVarP(&f.selector, "selector", "l", "", "label selector of the pods to watch (default: of the action's workload, or of the Service that the URL names)")
	flags.StringVar(&f.kubeconfig, "kubeconfig", "", "kubeconfig file")
	flags.StringVar(&f.context, "context", "", "context of the kubeconfig")
	flags.BoolVar(&f.noWatch, "no-watch", false, "do not watch the cluster")
	flags.BoolVar(&f.keepCordon, "keep-cordon", false, "leave the node cordoned after drain")
	flags.StringVarP(&f.output, "output", "o", "text", "text or json")
	f.inCluster.add(flags)
	flags.StringVar(&f.ownRole, roleFlag, "", "")
	_ = flags.MarkHidden(roleFlag) // it is there
	return cmd
}

func (f *verifyFlags) run(cmd *cobra.Command, args []string) error {
	f.options.Progress = cmd.ErrOrStderr()
	if err := f.connect(cmd, args); err != nil {
		if errors.Is(err, action.ErrUsage) {
			return &exitError{verifyUsage, err}
		}
		return &exitError{verifyFailed, err}
	}
	verify.TuneRuntime(f.options.Rate)
	result, err := verify.Run(cmd.Context(), f.options)
	if errors.Is(err, verify.ErrOptions) {
		return &exitError{verifyUsage, err}
	}
	switch {
	case result == nil && errors.Is(err, context.Canceled):
		return &exitError{verifyFailed, errors.New("interrupted before the load began: nothing was proved")}
	case result == nil:
		return &exitError{verifyFailed, err}
	}
	if err := f.write(cmd, result); err != nil {
		return err
	}
	switch code := codeOf(result); {
	case errors.Is(err, context.Canceled):
		return &exitError{verifyFailed, errors.New("interrupted: the result covers the time until then")}
	case err != nil:
		return &exitError{verifyFailed, err}
	case code != 0:
		return &exitError{code, nil}
	}
	return nil
}

// runs reports whether one of these lanes runs.
func (f *verifyFlags) runs(names ...string) bool {
	return slices.ContainsFunc(f.options.Lanes, func(given string) bool {
		name, _, _ := strings.Cut(given, "=")
		return slices.Contains(names, name)
	})
}

// write writes the result as it was asked for.
func (f *verifyFlags) write(cmd *cobra.Command, result *report.Verify) error {
	write := report.VerifyText
	switch f.output {
	case "json":
		write = report.VerifyJSON
	case packed:
		write = job.WriteResult
	}
	if err := write(cmd.OutOrStdout(), result); err != nil {
		return &exitError{verifyFailed, fmt.Errorf("writing the result: %w", err)}
	}
	return nil
}

// codeOf is the exit code of a run that came to its end.
func codeOf(result *report.Verify) int {
	switch {
	case result.Action != nil && result.Action.Failure != "":
		return verifyFailed
	case result.Totals.Lost > 0 || result.Totals.Masked > 0:
		return verifyLost
	}
	return 0
}

// check refuses wrong flags before anything is contacted.
func (f *verifyFlags) check(cmd *cobra.Command, args []string) error {
	if f.options.URL == "" {
		return errors.New("verify: --url is missing: the URL to send requests to")
	}
	if f.options.Rate <= 0 {
		return fmt.Errorf("verify: --rate %v: must be more than 0", f.options.Rate)
	}
	if err := oneOf("--output", f.output, "text", "json"); err != nil && f.output != packed {
		return fmt.Errorf("verify: %w", err)
	}
	if len(args) > 0 && cmd.ArgsLenAtDash() != 0 {
		return fmt.Errorf("verify: unexpected argument %q: a command comes after --, an action in --do", args[0])
	}
	if len(args) > 0 && f.do != "" {
		return errors.New("verify: both --do and a command after --: give one of them")
	}
	if err := f.silent(cmd, args); err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	f.options.Header = http.Header{}
	for _, header := range f.header {
		name, value, ok := strings.Cut(header, ":")
		if !ok || name == "" {
			return fmt.Errorf("verify: --header %q: must be \"Name: value\"", header)
		}
		f.options.Header.Add(name, strings.TrimSpace(value))
	}
	var err error
	if f.options.TLS, err = f.trust(); err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	return nil
}

// trust is whom to trust over TLS; nil is what Go does by itself.
func (f *verifyFlags) trust() (*tls.Config, error) {
	switch {
	case f.insecure && f.caFile != "":
		return nil, errors.New("both --ca-file and --insecure-skip-verify: give one of them")
	case f.insecure:
		return &tls.Config{InsecureSkipVerify: true}, nil
	case f.caFile == "":
		return nil, nil
	}
	file, err := os.Open(f.caFile)
	if err != nil {
		return nil, fmt.Errorf("--ca-file: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, caMax))
	if err != nil {
		return nil, fmt.Errorf("--ca-file: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("--ca-file %s: it holds no certificate in PEM", f.caFile)
	}
	return &tls.Config{RootCAs: roots}, nil
}

// silent refuses flags that would have no effect.
func (f *verifyFlags) silent(cmd *cobra.Command, args []string) error {
	errs := []error{f.inCluster.check(cmd, args)}
	if f.do == "" && len(args) == 0 {
		errs = append(errs, idle(cmd, "there is no action: give --do, or a command after --", "action-timeout"))
	}
	if words := strings.Fields(f.do); len(words) == 0 || words[0] != "drain" {
		errs = append(errs, idle(cmd, `it is about --do "drain NODE"`, "keep-cordon"))
	}
	if f.noWatch {
		errs = append(errs, idle(cmd, "--no-watch watches no pods", "selector"))
		if f.do == "" && !f.inCluster.on {
			errs = append(errs, idle(cmd, "with --no-watch and without --do no cluster is asked", "namespace", "kubeconfig", "context"))
		}
	}
	if !f.runs(verify.LaneKeepAlive, verify.LanePost, verify.LaneH2, verify.LaneGRPC, verify.LaneGRPCStream) {
		errs = append(errs, idle(cmd, "no lane keeps connections", "conns", "idle-timeout"))
	}
	if !slices.ContainsFunc(f.options.Lanes, verify.Held) {
		errs = append(errs, idle(cmd, "no lane is held", "hold"))
	}
	if !f.runs(verify.LaneGRPC, verify.LaneGRPCStream) {
		errs = append(errs, idle(cmd, "no lane sends gRPC", "grpc-message"))
	}
	if !f.runs(verify.LaneWS) {
		errs = append(errs, idle(cmd, "there is no lane ws", "ws-message"))
	}
	return errors.Join(errs...)
}
