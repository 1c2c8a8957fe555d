#!/usr/bin/env bash
# Trains each recipe with three seeds on an otherwise idle machine, and puts their figures into docs/benchmarks.md and
# their samples into docs/recipes.png. About 50 minutes on 2 cores.
#   scripts/recipes.sh
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
out=outputs/recipes

for recipe in best best_mlp best_conditional; do
    for seed in 1 2 3; do
        run=$out/$recipe/$seed
        [ -e "$run" ] || python train.py experiment=$recipe seed=$seed hydra.run.dir="$run"
    done
done
python scripts/compare.py "$out"/*/* --page docs/benchmarks.md --part recipes --sheet docs/recipes.png
