#!/usr/bin/env bash
# Runs all that CI is too short for, one part after the other, whatever fails; or the parts that are named:
# hack/nightly.sh fuzz proofs. At the end it prints how long each part took and whether it passed, as rows for
# docs/proofs.md. OUT is the folder for the logs and the proofs' figures (out).
set -uo pipefail
cd "$(dirname "$0")/.."
out=${OUT:-out}
mkdir -p "$out"
all="test fuzz graceful registries routers proofs ipv6" rows="" failed=0
parts=" ${*:-$all} "
for name in $parts; do
  [[ " $all " == *" $name "* ]] || { echo "nightly: no part $name; the parts are $all" >&2; exit 2; }
done
part() { # name, command...
  local name=$1 began=$SECONDS result=passed
  [[ $parts == *" $name "* ]] || return 0
  shift
  echo "== $name: $*"
  "$@" 2>&1 | tee "$out/nightly-$name.log" || { result=failed failed=1; }
  rows+="| $name | $((SECONDS - began)) s | $result |"$'\n'
}
part test make --no-print-directory test
part fuzz hack/fuzz.sh 1m
part graceful go test -tags nightly -count=1 -timeout 40m -v -run "ManyRestarts|WhatClosing" ./graceful/... ./graceful/contrib/grpc
part registries make --no-print-directory registries-test
part routers make --no-print-directory routers-test
part proofs make --no-print-directory prove "JSON=$out/proofs.json"
part ipv6 make --no-print-directory prove IPV6=1 "RUN=^(rollout|delete-pod|drain|scale-down|property)/" "JSON=$out/proofs-ipv6.json"
printf '\n%s on %s, %s processors\n\n| part | took | result |\n|---|---|---|\n%s' \
  "$(git describe --tags --always --dirty)" "$(date --utc +%F)" "$(nproc)" "$rows"
exit "$failed"
