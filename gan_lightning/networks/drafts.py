"""Generator that draws several drafts of a sample, of which a discriminator chooses one."""

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from gan_lightning.modalities.sequence import codes_of, one_hot
from gan_lightning.networks.autoregressive import Autoregressive
from gan_lightning.networks.tokens import TokenGenerator


class Generator(TokenGenerator):
    """Maps latents (B, drafts · length · blocks + 1) in [0, 1) to sequences (B, length, D).

    A draft is chosen with a probability that is proportional to exp(D), for the logit D of a discriminator that has
    learned to tell real sequences from drafts. The best discriminator knows the ratio of their probabilities, up to a
    constant factor: with many drafts, the choice has the distribution of the data (sampling importance resampling;
    Rubin, 1987; compare discriminator rejection sampling, Azadi et al., 2019, arXiv:1810.06758).

    Args:
        drafter: generator of drafts.
        discriminator: (sample, condition) -> logits (B, 1).
        drafts: number of drafts for each sample.
    """

    def __init__(self, drafter: Autoregressive, discriminator: nn.Module, drafts: PositiveInt) -> None:
        super().__init__()
        self.drafter, self.discriminator, self.drafts = drafter, discriminator, drafts

    def forward(
        self, latent: Tensor, condition: Tensor | None = None, *, temperature: float = 1.0, nucleus: float = 1.0
    ) -> Tensor:
        of_drafts = latent[:, :-1].unflatten(1, (self.drafts, self.drafter.length, len(self.drafter.blocks)))
        logits, codes = [], []  # of each draft; one-hot drafts of a large vocabulary would fill the memory
        for one in of_drafts.unbind(1):
            draft = self.drafter(one, condition, temperature=temperature, nucleus=nucleus)
            logits.append(self.discriminator(draft, condition))
            codes.append(codes_of(draft, self.drafter.blocks))
        sums = self.weights(torch.cat(logits, 1)).cumsum(1)
        chosen = torch.searchsorted(sums, latent[:, -1:].double() * sums[:, -1:], right=True).clamp(max=self.drafts - 1)
        rows = torch.arange(len(latent), device=latent.device)
        return one_hot(torch.stack(codes, 1)[rows, chosen[:, 0]], self.drafter.blocks)

    @staticmethod
    def weights(logits: Tensor) -> Tensor:
        """Return the probability of each draft to be chosen (B, drafts), by its logit."""
        return logits.double().softmax(1)

    def token_losses(self, sample: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the negative log-probability of each value of samples as a draft, in nats (values,)."""
        return self.drafter.token_losses(sample, condition)
