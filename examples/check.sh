#!/bin/sh
# check.sh GATEWAY COMMAND...: runs the example's command against a new sandbox and
# fails unless it prints the last text block of README.md, without and with TLS and a token.
# Values that differ from run to run are replaced by N.
set -eu

gateway=$1
shift
work=$(mktemp -d)
pid=
stop() {
	if [ -n "$pid" ]; then
		kill "$pid"
		wait "$pid" || true
	fi
	pid=
}
trap 'stop; rm -rf "$work"' EXIT

# start FLAGS...: starts a sandbox and sets its address.
start() {
	: >"$work/stdout"
	"$gateway" serve --sandbox --listen 127.0.0.1:0 --admin-listen= "$@" >"$work/stdout" 2>"$work/stderr" &
	pid=$!
	address=
	for _ in $(seq 300); do
		address=$(sed -n 's/^pelcro-grpc serves a SANDBOX on \(.*\): .*/\1/p' "$work/stdout")
		[ -z "$address" ] || return 0
		sleep 0.1
	done
	echo "check: the sandbox did not start" >&2
	cat "$work/stderr" >&2
	exit 1
}

stable() {
	sed -E 's/customer [0-9]+ is/customer N is/; s/nora-[0-9a-f]{8}/nora-N/'
}
awk '/^```text$/ { out = ""; inside = 1; next } /^```$/ { inside = 0 } inside { out = out $0 "\n" } END { printf "%s", out }' \
	README.md | stable >"$work/want"
test -s "$work/want"

# check COMMAND...: runs the example.
check() {
	"$@" "$address" --max-wait 1 >"$work/out"
	stable <"$work/out" >"$work/got"
	diff -u "$work/want" "$work/got"
}

start
check "$@"
stop

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost \
	-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$work/tls.key" -out "$work/tls.crt" 2>/dev/null
"$gateway" token example '*' >"$work/token" 2>/dev/null
sed -n 2p "$work/token" >"$work/callers"
start --tls-cert "$work/tls.crt" --tls-key "$work/tls.key" --auth-tokens-file "$work/callers"
PELCRO_GRPC_CA_FILE=$work/tls.crt PELCRO_GRPC_TOKEN=$(sed -n 1p "$work/token")
export PELCRO_GRPC_CA_FILE PELCRO_GRPC_TOKEN
check "$@"
echo "check: the output equals README.md, also with TLS and a token"
