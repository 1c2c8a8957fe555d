"""Train a generative adversarial network.

    python train.py model=mlp trainer.max_epochs=100         the first article's GAN on MNIST
    python train.py experiment=quickstart                    a minute on digits that need no download
    python train.py -m model=mlp,mlp_small seed=1,2,3        a sweep, with a table at its end
    python train.py resume=outputs/mlp/2026-01-31_12-00-00   go on where that run stopped
    tensorboard --logdir outputs                             watch

The way of one batch:

    conf/train.yaml                  composes data, model, objective, callbacks, logger, trainer
    gan_lightning/commands/train.py  builds them, fits, writes metrics.json and manifest.json
    gan_lightning/data/              Batch(real, condition): content, gathered and encoded a batch at a time
    gan_lightning/algorithms/        gan.py: the discriminator's update, then the generator's
                                     objectives.py, regularizers.py, terms.py: logits and samples to losses
    gan_lightning/callbacks/         scalars, sheets of samples, metrics, alarm, checkpoints
    outputs/<name>/<date>_<time>/    what comes out
"""

from gan_lightning.commands.cli import train

if __name__ == "__main__":
    train()
