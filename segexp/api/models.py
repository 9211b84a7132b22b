"""A saved model, loaded by whatever names it, and what it predicts."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar, overload

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from segexp.api.projects import configured
from segexp.core.errors import InputError, did_you_mean
from segexp.data.files.images import refuse_unscaled
from segexp.data.source import SampleFault
from segexp.evaluation.exported import check_views, open_model
from segexp.evaluation.image_files import read_image
from segexp.evaluation.predict_one import predict_one
from segexp.labels.mapping import Mapping
from segexp.report.pictures import overlay
from segexp.report.predictions import write_prediction
from segexp.study.model_reference import find_model
from segexp.training.bundle import Bundle
from segexp.training.compute import Compute
from segexp.training.reading import AS_SOFTMAX, Reading
from segexp.training.views import parse_views

Pixels = NDArray[np.uint8]
Image = str | Path | NDArray[Any]
"""An image's file, or its pixels: uint8 RGB, shape (H, W, 3)."""

OneImage = TypeVar("OneImage", str, Path, NDArray[Any], Image)

Precision = Literal["auto", "bf16", "fp32"]

_log = logging.getLogger("segexp")


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says of an image.

    Shapes: H and W are the image's own height and width, C is the number of classes.

    Attributes:
        image: uint8 RGB, shape (H, W, 3).
        mask: uint8 class indices 0..C-1, shape (H, W): places in ``classes``.
        mapping: The classes, with their colours and labels.
    """

    image: Pixels
    mask: Pixels
    mapping: Mapping
    _logits: Tensor
    _reading: Reading

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, by class index."""
        return self.mapping.names

    @cached_property
    def probabilities(self) -> NDArray[np.float32]:
        """The probability of each class, float32 in 0..1, shape (C, H, W); its sum over C is 1.

        From the logits that ``mask`` was decided from, resized bilinearly to the image's own size,
        with the temperature that training fitted and without the class weights of the loss; see
        `segexp.training.reading.Reading.probabilities`. Computed when it is first asked for.
        """
        size = self.mask.shape
        logits = F.interpolate(self._logits[None], size, mode="bilinear", align_corners=False)
        found: NDArray[np.float32] = self._reading.probabilities(logits)[0].numpy()
        return found

    def overlay(self) -> Pixels:
        """Return the mask over the image with borders and a legend, uint8 RGB (H, W, 3)."""
        return overlay(self.image, self.mask, self.mapping.colors, self.mapping.names)

    def save(self, stem: str | Path) -> tuple[Path, Path, Path]:
        """Write ``<stem>_mask.png`` (class indices), ``<stem>_color.png``, ``<stem>_overlay.png``.

        Args:
            stem: A path without a suffix, such as ``predictions/street``; its folder is made.

        Returns:
            The three files.

        Raises:
            OSError: When one of them cannot be written.
        """
        path = Path(stem).expanduser()
        return write_prediction(path.parent, Path(path.name), self.image, self.mask, self.mapping)


@dataclass(frozen=True, eq=False)
class Model:
    """A saved model on its device.

    Attributes:
        path: Its bundle's directory, or its ONNX file.
        bundle: All that the bundle says: architecture, mapping, preprocessing, scores, origin.
        compute: The device and the number format that it runs in.
    """

    path: Path
    bundle: Bundle
    compute: Compute

    @property
    def mapping(self) -> Mapping:
        """The classes that it predicts, with their colours and labels."""
        return self.bundle.mapping

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, by class index."""
        return self.bundle.mapping.names

    @property
    def scores(self) -> dict[str, float]:
        """Name -> score when it was trained, such as ``heldout/miou``; NaN where undefined."""
        return self.bundle.scores

    @property
    def network(self) -> nn.Module:
        """The network: normalised images (N, 3, h, w) -> logits (N, C, h, w).

        Of an ONNX file it takes uint8 images, and normalises them itself.
        """
        return self.bundle.model

    @overload
    def predict(self, images: Image, *, tta: str | None = None) -> Prediction: ...

    @overload
    def predict(
        self, images: list[OneImage] | tuple[OneImage, ...], *, tta: str | None = None
    ) -> list[Prediction]: ...

    def predict(
        self, images: Image | list[Any] | tuple[Any, ...], *, tta: str | None = None
    ) -> Prediction | list[Prediction]:
        """Predict an image, or each of a list of images of any sizes.

        Args:
            images: A file, or uint8 RGB of shape (H, W, 3); or a list of them. Files are read as
                ``segexp predict`` reads them, npy too: upright, alpha and 16 bits refused or
                narrowed.
            tta: Test-time augmentation, as ``--tta`` takes it: ``flip,scales=0.75,1,1.25``.

        Returns:
            A prediction for an image; a list of them for a list.

        Raises:
            InputError: With a fault for each image that is no image, before any is predicted.
            WorkError: When the network gives NaN or infinite logits.
        """
        views = parse_views(tta)
        check_views(self.network, views)
        found = []
        for pixels in _pixels_of(images if isinstance(images, list | tuple) else [images]):
            mask, logits = predict_one(
                self.network, self.bundle.preprocessing, self.compute, pixels, views
            )
            reading = self.bundle.reading or AS_SOFTMAX
            found.append(Prediction(pixels, mask, self.mapping, logits, reading))
        return found if isinstance(images, list | tuple) else found[0]


def load(
    reference: str | Path,
    *,
    project: str | Path | None = None,
    precision: Precision = "auto",
) -> Model:
    """Load a saved model. Nothing in it is executed.

    Args:
        reference: A bundle's folder; a results folder, such as ``runs/default``; a study's name,
            for its best trial; the id of an MLflow run; or an ONNX file of ``segexp export``.
        project: A directory in the project that has the study or the run; by default the current
            one. A folder needs no project.
        precision: ``bf16``, ``fp32``, or ``auto``: bf16 where the device has units for it.

    Raises:
        InputError: When it names no model, with what was looked for; or with every fault of the
            bundle.
        WorkError: When the study has no complete trial yet, or a file cannot be fetched.
    """
    known = ("auto", "bf16", "fp32")
    if precision not in known:
        raise InputError(
            f"precision {precision!r}: expected {', '.join(known)}{did_you_mean(precision, known)}"
        )
    path = find_model(reference, lambda: configured(project), _log.info)
    bundle, compute = open_model(path, precision)
    return Model(path, bundle, compute)


def _pixels_of(images: Sequence[Image]) -> list[Pixels]:
    found: list[Pixels] = []
    faults: list[str] = []
    for place, image in enumerate(images):
        try:
            if isinstance(image, np.ndarray):
                found.append(_checked(f"image {place}", image))
            else:
                found.append(read_image(Path(image).expanduser()))
        except SampleFault as fault:
            faults.append(str(fault))
    if faults:
        raise InputError(faults)
    return found


def _checked(name: str, image: NDArray[Any]) -> Pixels:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise SampleFault(
            f"{name}: {image.dtype} of shape {image.shape}; expected RGB pixels in 0..255, "
            "numpy.uint8 of shape (H, W, 3)"
        )
    pixels: Pixels = image
    refuse_unscaled(Path(name), pixels)
    return pixels
