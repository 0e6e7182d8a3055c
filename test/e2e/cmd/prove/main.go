// Command prove runs the proofs on embedded clusters and exits non-zero if one fails.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"syscall"

	"github.com/lameduck-dev/lameduck/test/cluster/cluster"
	"github.com/lameduck-dev/lameduck/test/e2e"
)

// Exit codes.
const (
	exitFailed = 1 // a proof failed: a treatment lost something, or a control did not
	exitUsage  = 2
	exitBroken = 3 // a proof could not run
)

func main() {
	run := flag.String("run", "", "only the proofs whose name matches this `regexp`")
	file := flag.String("json", "", "write the figures to this `file` as JSON")
	name := flag.String("name", "prove", "`name` of the cluster to start; several can run side by side")
	ipv6 := flag.Bool("ipv6", false, "make the clusters IPv6-only")
	count := flag.Int("count", 1, "run the proofs this many times, one round after the other")
	list := flag.Bool("list", false, "list the proofs that --run matches and exit")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "prove runs lameduck's proofs, each with its control run, on a real three-node cluster.\n"+
			"Exit codes: 0 all passed, %d one failed, %d wrong usage, %d one could not run.\n\n", exitFailed, exitUsage, exitBroken)
		flag.PrintDefaults()
	}
	flag.Parse()
	match, err := regexp.Compile(*run)
	if err != nil || flag.NArg() > 0 || *count < 1 {
		fmt.Fprintf(os.Stderr, "prove: --run %q, --count %d, arguments %q: %v\n", *run, *count, flag.Args(), err)
		os.Exit(exitUsage)
	}
	var proofs []e2e.Proof
	for _, proof := range e2e.Proofs() {
		if match.MatchString(proof.Name) {
			proofs = append(proofs, proof)
		}
	}
	if len(proofs) == 0 {
		show(e2e.Proofs())
		fmt.Fprintf(os.Stderr, "prove: no proof matches %q; all of them are listed above\n", *run)
		os.Exit(exitUsage)
	}
	if *list {
		show(proofs)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	outcomes, err := prove(ctx, cluster.Options{Name: *name, Nodes: 3, IPv6: *ipv6, Progress: os.Stderr}, slices.Repeat(proofs, *count))
	stop()
	fmt.Println()
	if tableErr := e2e.WriteTable(os.Stdout, outcomes); tableErr != nil {
		err = errors.Join(err, tableErr)
	}
	if *file != "" {
		err = errors.Join(err, save(*file, outcomes))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "prove:", err)
		os.Exit(exitBroken)
	}
	for _, outcome := range outcomes {
		if !outcome.Pass() {
			os.Exit(exitFailed)
		}
	}
}

func show(proofs []e2e.Proof) {
	for _, proof := range proofs {
		fmt.Println(proof.Name)
	}
}

// prove runs the proofs, with one cluster for all that share a proxy mode. A proof that can't
// run does not keep the others from running.
func prove(ctx context.Context, options cluster.Options, proofs []e2e.Proof) (outcomes []e2e.Outcome, err error) {
	var env *e2e.Env
	closeEnv := func() {
		if env != nil {
			err = errors.Join(err, env.Close(context.WithoutCancel(ctx)))
			env = nil
		}
	}
	defer closeEnv()
	for _, proof := range proofs {
		if proof.Proxy != options.Proxy {
			closeEnv()
			options.Proxy = proof.Proxy
			var upErr error
			if env, upErr = e2e.Up(ctx, options); upErr != nil {
				return outcomes, errors.Join(err, upErr)
			}
			if upErr = env.Install(ctx); upErr != nil {
				return outcomes, errors.Join(err, upErr)
			}
		}
		results, runErr := proof.Run(ctx, env, proof.Name)
		if runErr != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", proof.Name, runErr))
			if ctx.Err() != nil {
				return outcomes, err
			}
		}
		for _, outcome := range results {
			fmt.Println(outcome.Line())
		}
		outcomes = append(outcomes, results...)
	}
	return outcomes, err
}

func save(file string, outcomes []e2e.Outcome) error {
	data, err := json.MarshalIndent(outcomes, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o644)
}
