#!/usr/bin/env bash
# Finds the recipes again, runs them beside the article's code, and makes the tables and pictures of docs/benchmarks.md
# from what the runs have written. Two and a half hours on 2 cores with nothing else to do; what has ended is kept.
#   scripts/recipes.sh
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
out=outputs/recipes page=docs/benchmarks.md

# 27 minutes: the learning rates and the penalty's weight.
if [ ! -e $out/sweep/ended ]; then
    rm -rf $out/sweep
    python train.py -m sweep=best_mlp hydra.sweep.dir=$out/sweep
    touch $out/sweep/ended
fi
python scripts/compare.py $out/sweep/*/ --page $page --part sweep

# 20 minutes, one thread a run: what differs in one thing.
scripts/variants.sh

# 95 minutes: three seeds of each recipe, in turns with the article's code.
if [ ! -e $out/quality/samples.png ]; then
    rm -rf $out/quality
    python scripts/benchmark.py quality --folder $out/quality --page $page
fi
python scripts/compare.py $out/quality/best*/* --page $page --part recipes --sheet docs/recipes.png
cp $out/quality/distance.png docs/quality.png
cp $out/quality/samples.png docs/five_minutes.png
