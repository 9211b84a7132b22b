"""What is predicted beside a mask: how probable each class is, and how uncertain that leaves it."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from segexp.training.reading import AS_SOFTMAX, Reading


@dataclass(frozen=True)
class Beside:
    """What is wanted beside the mask of an image.

    Attributes:
        reading: How probabilities are read from the model's logits.
        probabilities: Whether those of all classes are kept.
        uncertainty: Whether their entropy is kept.
    """

    reading: Reading = AS_SOFTMAX
    probabilities: bool = False
    uncertainty: bool = False

    def decide(self, logits: Tensor) -> Tensor:
        """Decide for the largest logit of each pixel, with what is wanted beside it.

        Args:
            logits: Shape (1, C, H, W).

        Returns:
            float32 (R, H, W): the class; then the entropy, if it is wanted; then the probabilities
            of the C classes, if they are.
        """
        probabilities = self.reading.probabilities(logits)
        planes = [logits.argmax(dim=1).float()]
        if self.uncertainty:
            planes.append(entropy(probabilities))
        if self.probabilities:
            planes.append(probabilities[0])
        return torch.cat(planes)


NOTHING = Beside()


def entropy(probabilities: Tensor) -> Tensor:
    """Return the entropy of class probabilities (Shannon 1948) as a share of its largest value.

    Args:
        probabilities: Shape (N, C, H, W), two classes or more; the sum over C is 1.

    Returns:
        Shape (N, H, W): 0 where one class is certain, 1 where all are alike.
    """
    summed: Tensor = torch.special.entr(probabilities).sum(dim=1)
    return summed / math.log(probabilities.shape[1])
