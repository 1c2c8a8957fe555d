"""Colors and their brightness."""

from torch import Tensor

LUMA = (0.299, 0.587, 0.114)  # of red, green and blue, as in JPEG (ITU-R BT.601, full range)


def luma(images: Tensor) -> Tensor:
    """Return the luma (B, 1, H, W) of float images (B, 3, H, W) in RGB; grey images (B, 1, H, W) are their own."""
    return (images * images.new_tensor(LUMA).view(3, 1, 1)).sum(1, keepdim=True) if images.shape[1] == 3 else images
