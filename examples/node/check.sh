#!/bin/sh
# Starts a sandbox on a free port, runs the example, and compares what it prints with README.md.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
gateway=
trap 'if [ -n "$gateway" ]; then kill "$gateway" 2>/dev/null || true; wait "$gateway" || true; fi; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

(cd ../.. && go build -o "$work/pelcro-grpc" ./cmd/pelcro-grpc)
"$work/pelcro-grpc" serve --sandbox --listen 127.0.0.1:0 --admin-listen= >"$work/gateway" 2>&1 &
gateway=$!
address=
for _ in $(seq 100); do
	address=$(sed -n '1s/^pelcro-grpc serves a SANDBOX on \([^ ]*\): .*/\1/p' "$work/gateway")
	if [ -n "$address" ]; then break; fi
	kill -0 "$gateway" || { cat "$work/gateway"; exit 1; }
	sleep 0.1
done
if [ -z "$address" ]; then echo "the sandbox did not start"; cat "$work/gateway"; exit 1; fi

MAX_WAIT_SECONDS=1 npm start --silent -- "$address" >"$work/output" || { cat "$work/output"; exit 1; }

# The customer's id and email differ from run to run.
stable() {
	sed -E 's/customer [0-9]+ is/customer N is/; s/nora-[0-9a-f]{8}/nora-N/'
}
stable <"$work/output" >"$work/got"
sed -n '/^\$ MAX_WAIT_SECONDS=1 npm start/,/^```/p' README.md | sed '1d;$d' | stable >"$work/want"
if [ ! -s "$work/want" ]; then echo "README.md shows no output"; exit 1; fi
diff -u "$work/want" "$work/got"
echo "examples/node: ok"
