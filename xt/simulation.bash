#!/usr/bin/env bash
# xt/simulation.bash [SECONDS] [FIRST SEED]: histories of the simulation (src/simulation), one after the other, for so long (600 s).
# The first seed that finds something ends it, with its transcript.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
limit=${1:-600}
from=${2:-1000}
at_once=1000
end=$((SECONDS + limit))
while [ "$SECONDS" -lt "$end" ]; do
    SIMULATION_FROM=$from SIMULATION_SEEDS=$at_once cargo test --quiet --lib simulation::a_thousand_histories -- --nocapture 2>&1 |
        grep -v '^Mesos: framework'
    from=$((from + at_once))
    echo "$from: $((end - SECONDS)) s left"
done
