#!/bin/sh
# check.sh GATEWAY COMMAND...: runs the example's command against a new sandbox and
# fails unless it prints the last text block of README.md. Values that differ from run
# to run are replaced by N.
set -eu

gateway=$1
shift
work=$(mktemp -d)
pid=
trap 'if [ -n "$pid" ]; then kill "$pid"; wait "$pid" || true; fi; rm -rf "$work"' EXIT

: >"$work/stdout"
"$gateway" serve --sandbox --listen 127.0.0.1:0 --admin-listen= >"$work/stdout" 2>"$work/stderr" &
pid=$!
address=
for _ in $(seq 50); do
	address=$(sed -n 's/^pelcro-grpc serves a SANDBOX on \(.*\): .*/\1/p' "$work/stdout")
	[ -z "$address" ] || break
	sleep 0.1
done
if [ -z "$address" ]; then
	echo "check: the sandbox did not start" >&2
	cat "$work/stderr" >&2
	exit 1
fi

stable() {
	sed -E 's/customer [0-9]+ is/customer N is/; s/nora-[0-9a-f]{8}/nora-N/'
}
awk '/^```text$/ { out = ""; inside = 1; next } /^```$/ { inside = 0 } inside { out = out $0 "\n" } END { printf "%s", out }' \
	README.md | stable >"$work/want"
test -s "$work/want"
"$@" "$address" --max-wait 1 >"$work/out"
stable <"$work/out" >"$work/got"
diff -u "$work/want" "$work/got"
echo "check: the output equals README.md"
