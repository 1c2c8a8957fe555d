"""Train a generative model, a GAN or a VAE.

    python train.py model=mlp trainer.max_epochs=100         the first article's GAN on MNIST
    python train.py experiment=quickstart                    one minute on digits, without a download
    python train.py -m model=mlp,mlp_small seed=1,2,3        a sweep, with a table at the end
    python train.py resume=outputs/mlp/2026-01-31_12-00-00   continue a run
    tensorboard --logdir outputs                             watch the runs

The path of a batch through the code:

    conf/train.yaml                  composes data, model, objective, callbacks, logger, trainer
    gan_lightning/commands/train.py  builds them, fits, writes metrics.json and manifest.json
    gan_lightning/data/              Batch(real, condition): reads examples, and encodes them a batch at a time
    gan_lightning/algorithms/        gan.py: the discriminator's update, then the generator's
                                     objectives.py, regularizers.py, terms.py: logits and samples to losses
    gan_lightning/callbacks/         scalars, sheets of samples, metrics, alarm, checkpoints
    outputs/<name>/<date>_<time>/    the run's folder: logs, samples, checkpoints, metrics
"""

from gan_lightning.commands.cli import train

if __name__ == "__main__":
    train()
