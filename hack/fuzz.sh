#!/usr/bin/env bash
# Runs every fuzz target of every module for the given time each, or only those in packages that match:
# hack/fuzz.sh 10s, hack/fuzz.sh 10000x '^./(check|workload)$'
# A number of inputs ends when it is reached; a time can end with "context deadline exceeded", which is go's own.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-10s} packages=${2:-.}
for module in . graceful test/cluster; do
  pushd "$module" >/dev/null
  # A file that holds a target, its package, and the target's name.
  { grep -rhoE --include='*_test.go' -H '^func Fuzz[A-Za-z0-9_]+' . || true; } | sort | while IFS=: read -r file func; do
    package=./$(dirname "${file#./}") target=${func#func }
    [[ $package =~ $packages ]] || continue
    # The root's pattern also finds the nested modules' files: leave those to their own turn.
    [ "$(cd "$package" && go list -m 2>/dev/null)" = "$(go list -m)" ] || continue
    echo "fuzz $package $target for $time"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$package"
  done
  popd >/dev/null
done
