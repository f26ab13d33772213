# Sourced by the scripts of this folder: where things are, and how to speak.
# shellcheck shell=bash

# shellcheck disable=SC2034 # for the scripts that source this
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=$(basename "$0")

say() {
	printf '%s: %s\n' "$program" "$*"
}

die() {
	printf '%s: %s\n' "$program" "$*" >&2
	exit 1
}

# A shell that is not a login shell often lacks rustup's folder.
use_cargo_home() {
	local folder=${CARGO_HOME:-${HOME:-/root}/.cargo}/bin
	if ! command -v rustc >/dev/null && [ -x "$folder/rustc" ]; then
		PATH=$folder:$PATH
		export PATH
	fi
}

# quietly LOG COMMAND...: output goes to LOG, its end to stderr if the command fails.
quietly() {
	local log=$1
	shift
	mkdir -p "$(dirname "$log")"
	if ! "$@" >"$log" 2>&1 </dev/null; then
		tail -n 30 "$log" >&2
		printf '%s: this failed: %s (all of its output is in %s)\n' "$program" "$*" "$log" >&2
		return 1
	fi
}
