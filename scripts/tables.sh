#!/usr/bin/env bash
# Trains experiment=table with three seeds on Adult, heart and German credit, and experiment=table_private and its rival
# on Adult. Writes the tables and the image of docs/how-to/tables.md, with rows for the counting models, copies with
# noise, and real rows. Two runs at a time with one thread each. Takes an hour on 2 idle cores; skips finished runs when
# run again. Data are downloaded if they are missing.
#   scripts/tables.sh
set -euo pipefail
cd "$(dirname "$0")/.."
export OMP_NUM_THREADS=1 PATH="$PWD/.venv/bin:$PATH"
out=outputs/table page=docs/how-to/tables.md
metrics="shape_error pair_error utility_auc utility_margin utility_macro_f1 two_sample_auc exact_copies dcr_share membership_auc"
canary_metrics="canaries_exact canaries_near controls_exact controls_near"
private_metrics="shape_error pair_error utility_auc utility_margin utility_macro_f1 two_sample_auc membership_auc"

runs() {
    echo "adult_canaries/table/1  experiment=table data=adult data.canaries=50"
    for seed in 1 2 3; do
        cat <<END
adult/table/$seed          experiment=table data=adult data.evaluator.n=32561 seed=$seed
heart/table/$seed          experiment=table data=heart data.batch_size=64 seed=$seed
german_credit/table/$seed  experiment=table data=german_credit seed=$seed
END
        for epsilon in 1 10; do
            private="experiment=table_private data=adult_declared data.evaluator.n=32561 privacy.epsilon=$epsilon seed=$seed"
            cat <<END
adult_private/private_gan_$epsilon/$seed   $private name=private_GAN_epsilon_$epsilon
adult_private/noisy_counts_$epsilon/$seed  $private name=noisy_counts_epsilon_$epsilon model=table_noisy_counts
END
        done
    done
}

runs | while read -r folder overrides; do
    if ! grep -qs '"status": "finished"' "$out/$folder/manifest.json"; then
        rm -rf "${out:?}/$folder"
        echo "$overrides hydra.run.dir=$out/$folder"
    fi
done | xargs -P "${JOBS:-2}" -I{} sh -c 'python train.py {} > /dev/null'

for data in adult heart german_credit; do
    python scripts/evaluate.py checkpoint=$out/$data/table/1 seeds=[0] # adds rows of baselines and real data to the table
    python scripts/compare.py $out/$data/table/* --page $page --part $data --metrics $metrics
done
python scripts/compare.py $out/adult_canaries/*/* --page $page --part "adult canaries" --metrics $canary_metrics
python scripts/compare.py $out/adult_private/*/* --page $page --part "adult private" --metrics $private_metrics
python scripts/generate.py checkpoint=$out/adult/table/1 n=12 seed=1 format=sheet output=docs/table.png
