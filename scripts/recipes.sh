#!/usr/bin/env bash
# Repeats the search for the recipes, compares them with the article's code, and writes the tables and plots of
# docs/benchmarks.md. Takes two and a half hours on 2 idle cores; skips finished steps when run again.
#   scripts/recipes.sh
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
out=outputs/recipes page=docs/benchmarks.md

# 27 minutes: a sweep over the learning rates and the penalty's weight.
if [ ! -e $out/sweep/ended ]; then
    rm -rf $out/sweep
    python train.py -m sweep=best_mlp hydra.sweep.dir=$out/sweep
    touch $out/sweep/ended
fi
python scripts/compare.py $out/sweep/*/ --page $page --part sweep

# 20 minutes: variants that differ in one setting, with one thread for each run.
scripts/variants.sh

# 95 minutes: three seeds of each recipe, and the article's code, in turns on the same cores.
if [ ! -e $out/quality/samples.png ]; then
    rm -rf $out/quality
    python scripts/benchmark.py quality --folder $out/quality --page $page
fi
python scripts/compare.py $out/quality/best*/* --page $page --part recipes --sheet docs/recipes.png
cp $out/quality/distance.png docs/quality.png
cp $out/quality/samples.png docs/five_minutes.png
