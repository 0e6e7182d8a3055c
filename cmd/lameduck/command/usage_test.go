package command

import (
	"strings"
	"testing"
)

// TestNearest: a usage error names what was probably meant.
func TestNearest(t *testing.T) {
	for _, tt := range []struct {
		args string
		code int
		says string
	}{
		{"chek", 2, "Did you mean this?\n    check\n"},
		{"help chek", 2, "unknown command \"chek\" for \"lameduck\"\n\n    Did you mean this?\n    check\n"},
		{"help check it", 2, "unknown command \"it\" for \"lameduck check\""},
		{"check --value a", 3, "unknown flag: --value: did you mean --values?"},
		{"check -values a", 3, "did you mean --values?"},
		{"verify --ur http://a", 2, "unknown flag: --ur: did you mean --url?"},
		{"status --contxt a", 2, "did you mean --context?"},
		{"install --Namespace a", 2, "did you mean --namespace?"},
		{"explain no-pre-stop", 3, "no rule is called \"no-pre-stop\": did you mean no-prestop? `lameduck rules` lists them"},
		{"explain", 3, "explain: name one rule"},
		{"check --rules no-spreed a.yaml", 3, "did you mean no-spread?"},
		{"fix --allow pdb-mising a.yaml", 3, "did you mean pdb-missing?"},
		{"check --config near.yaml a.yaml", 3, "near.yaml: no rule is called \"no-spreed\": did you mean no-spread?"},
		{"check -o sarife a.yaml", 3, "--output \"sarife\": must be text, json, sarif, junit, github or html: did you mean sarif?"},
		{"check --fail-on eror a.yaml", 3, "did you mean error?"},
		{"status -o jsom", 2, "--output \"jsom\": must be text or json: did you mean json?"},
		{"verify --url http://a -o txt", 2, "did you mean text?"},
		{"verify --url http://a --do drian", 2, "wrong action \"drian\": did you mean drain?"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			files := map[string]string{"a.yaml": optedIn, "near.yaml": "rules: {no-spreed: off}\n"}
			code, out, log := cli(t, files, "", strings.Fields(tt.args)...)
			if code != tt.code || !strings.Contains(spaces(log), spaces(tt.says)) || out != "" {
				t.Errorf("exit code %d, want %d with %q\n%s%s", code, tt.code, tt.says, out, log)
			}
		})
	}
}

func spaces(text string) string { return strings.Join(strings.Fields(text), " ") }

func TestHelp(t *testing.T) {
	for args, want := range map[string]string{"help": "Available Commands:", "help check": "--fail-on", "help help": "Help about any command"} {
		if code, out, log := cli(t, nil, "", strings.Fields(args)...); code != 0 || !strings.Contains(out, want) {
			t.Errorf("%s: exit code %d\n%s%s", args, code, out, log)
		}
	}
}

// TestIdleFlags: a flag that would have no effect is refused.
func TestIdleFlags(t *testing.T) {
	for args, want := range map[string]string{
		"check -n shop a.yaml":                                    "--namespace would have no effect: it says what --live reads",
		"check --kubeconfig k a.yaml":                             "--kubeconfig would have no effect",
		"check --live --values a.yaml":                            "--values would have no effect",
		"check --write a.yaml":                                    "--write would have no effect: it says what --fix does",
		"check --allow pdb-missing a.yaml":                        "--allow would have no effect",
		"check --fix -o json a.yaml":                              "--output would have no effect",
		"check --fix --fail-on error a.yaml":                      "--fail-on would have no effect",
		"check --fix --write-baseline b a.yaml":                   "--write-baseline would have no effect",
		"inject --hub a:80 a.yaml":                                "--hub would have no effect: without --hub-key no agent asks a hub",
		"install --offline --context a":                           "--context would have no effect: --offline asks no cluster",
		"verify --url http://a --action-timeout 1m":               "--action-timeout would have no effect: there is no action",
		"verify --url http://a --keep-cordon --do delete-pod":     "--keep-cordon would have no effect",
		"verify --url http://a --no-watch -l a=b":                 "--selector would have no effect",
		"verify --url http://a --no-watch --kubeconfig k -- true": "--kubeconfig would have no effect",
		"verify --url http://a --hold 5s":                         "--hold would have no effect: no lane is held",
		"verify --url http://a --grpc-message AA==":               "--grpc-message would have no effect: no lane sends gRPC",
		"verify --url http://a --lanes sse --ws-message hi":       "--ws-message would have no effect: there is no lane ws",
		"verify --url http://a --lanes fresh --conns 5":           "--conns would have no effect: no lane keeps connections",
	} {
		code, out, log := cli(t, map[string]string{"a.yaml": optedIn}, "", strings.Fields(args)...)
		if wrong := 2 + strings.Count(args[:5], "check"); code != wrong || !strings.Contains(log, want) || out != "" {
			t.Errorf("%s: exit code %d, want %q\n%s%s", args, code, want, out, log)
		}
	}
}
