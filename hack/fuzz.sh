#!/usr/bin/env bash
# Runs every fuzz target of every module in go.work for the given time each, or only those in packages that match:
# hack/fuzz.sh 10s, hack/fuzz.sh 10000x '^./(check|manifest)$'
# A number of inputs ends when it is reached; a time can end with "context deadline exceeded", which is go's own.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-10s} packages=${2:-.}
# A file that holds a target, its package, and the target's name.
grep -rhoE --include='*_test.go' -H '^func Fuzz[A-Za-z0-9_]+' . | sort | while IFS=: read -r file func; do
  package=$(dirname "$file") target=${func#func }
  [[ $package =~ $packages ]] || continue
  echo "fuzz $package $target for $time"
  go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$package"
done
