#!/usr/bin/env bash
# Trains experiment=table with three seeds on Adult, heart and German credit, and writes the tables of
# docs/how-to/tables.md, with rows for the counting models, copies with noise, and real rows, and its image of samples.
# Takes 20 minutes on 2 idle cores; skips finished runs when run again. Data are downloaded if they are missing.
#   scripts/tables.sh
set -euo pipefail
cd "$(dirname "$0")/.."
export OMP_NUM_THREADS=1 PATH="$PWD/.venv/bin:$PATH"
out=outputs/table page=docs/how-to/tables.md
metrics="shape_error pair_error utility_auc utility_margin utility_macro_f1 two_sample_auc exact_copies dcr_share membership_auc"

runs() {
    for seed in 1 2 3; do
        echo "adult/table/$seed          data=adult data.evaluator.n=16281 seed=$seed"
        echo "heart/table/$seed          data=heart data.batch_size=64 seed=$seed"
        echo "german_credit/table/$seed  data=german_credit seed=$seed"
    done
}

runs | while read -r folder overrides; do
    if ! grep -qs '"status": "finished"' "$out/$folder/manifest.json"; then
        rm -rf "${out:?}/$folder"
        echo "experiment=table $overrides hydra.run.dir=$out/$folder"
    fi
done | xargs -P "${JOBS:-2}" -I{} sh -c 'python train.py {} > /dev/null'

for data in adult heart german_credit; do
    python scripts/evaluate.py checkpoint=$out/$data/table/1 seeds=[0] # adds rows of baselines and real data to the table
    python scripts/compare.py $out/$data/table/* --page $page --part $data --metrics $metrics
done
python scripts/generate.py checkpoint=$out/adult/table/1 n=12 seed=1 format=sheet output=docs/table.png
