#!/bin/sh
# Makes the .wasm of each .wat here, with Debian's wabt.
set -e
cd "$(dirname "$0")"
for f in *.wat; do
	wat2wasm --debug-names "$f" -o "${f%.wat}.wasm"
done
