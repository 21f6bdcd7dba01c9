#!/usr/bin/env bash
# Pin requirements/*.txt anew from *.in. Addresses are never written; torch is pinned apart (torch-*.txt), because
# which build of it is wanted depends on the machine.
set -euo pipefail
cd "$(dirname "$0")"
compile=(uv pip compile -q --python-version 3.11 --no-emit-index-url --no-header --no-annotate --no-emit-package torch)
"${compile[@]}" --override overrides.txt eval-cpu.in -o eval-cpu.txt
"${compile[@]}" train-cpu.in -o train-cpu.txt
"${compile[@]}" --override overrides.txt --python-platform x86_64-manylinux_2_28 eval-cuda.in -o eval-cuda.txt
"${compile[@]}" --python-platform x86_64-manylinux_2_28 train-cuda.in -o train-cuda.txt
