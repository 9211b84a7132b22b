# ruff: noqa: D102 - the methods are Lightning's hooks
"""What a user would write: smp's multiclass example with Lightning, albumentations, torchmetrics.

`benchmarks/peer_lightning.py` measures segexp against it. Needs `pip install 'segexp[peer]'`.
"""

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import albumentations
import bare
import cv2
import lightning
import torch
from albumentations.pytorch import ToTensorV2
from one_trial import AUGMENTATION, Scenes
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchmetrics.classification import MulticlassJaccardIndex

from segexp.evaluation.metrics import score
from segexp.labels.taxonomy import VOID
from segexp.training.compute import Compute
from segexp.training.fit import Optimization
from segexp.training.schedules import learning_rate_factor


def save_png_files(scenes: Scenes, directory: Path) -> None:
    """Write images and masks of class indices, as a user has them."""
    table = scenes.mapping.lookup()
    for split in (scenes.dataset.train, scenes.dataset.val):
        for kind in ("images", "masks"):
            (directory / split.name / kind).mkdir(parents=True)
        for number in range(len(split)):
            name = f"{number:04d}.png"
            image = cv2.cvtColor(split.image(number), cv2.COLOR_RGB2BGR)
            cv2.imwrite(str(directory / split.name / "images" / name), image)
            mask = table[split.label(number)]
            cv2.imwrite(str(directory / split.name / "masks" / name), mask)


class PngFiles(Dataset[tuple[Tensor, Tensor]]):
    """Pairs of image and mask, read, augmented and normalised one by one."""

    def __init__(self, directory: Path, transform: albumentations.Compose) -> None:
        self.images = sorted((directory / "images").iterdir())
        self.masks = sorted((directory / "masks").iterdir())
        self.transform = transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image = cv2.imread(str(self.images[index]))
        mask = cv2.imread(str(self.masks[index]), cv2.IMREAD_GRAYSCALE)
        assert image is not None
        sample = self.transform(image=cv2.cvtColor(image, cv2.COLOR_BGR2RGB), mask=mask)
        return sample["image"], sample["mask"].long()


class SegmentationModel(lightning.LightningModule):  # type: ignore[misc]
    """Loss and IoU as in the example; in its strict form no IoU of the training batches.

    AdamW is not fused in either form: Lightning refuses to clip gradients then, under bf16-mixed.
    """

    def __init__(
        self, model: nn.Module, strict: bool, optimization: Optimization, epochs: int, steps: int
    ) -> None:
        super().__init__()
        self.model, self.strict, self.optimization = model, strict, optimization
        self.total_steps = epochs * steps
        self.warmup_steps = round(optimization.warmup_epochs * steps)
        self.loss = torch.nn.CrossEntropyLoss(ignore_index=VOID)
        new_metric = partial(MulticlassJaccardIndex, bare.NUM_CLASSES, ignore_index=VOID)
        self.train_iou, self.val_iou = new_metric(), new_metric()
        self.epoch_miou: list[float] = []

    def forward(self, images: Tensor) -> Tensor:
        if self.strict:
            images = images.contiguous(memory_format=torch.channels_last)
        logits: Tensor = self.model(images)
        return logits

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        images, masks = batch
        logits = self(images)
        loss: Tensor = self.loss(logits, masks)
        if not self.strict:
            self.train_iou.update(logits.argmax(dim=1), masks)
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def on_train_epoch_end(self) -> None:
        if not self.strict:
            self.log("train_iou", self.train_iou.compute())
            self.train_iou.reset()

    def validation_step(self, batch: tuple[Tensor, Tensor], _: int) -> None:
        images, masks = batch
        logits = self(images)
        self.log("val_loss", self.loss(logits, masks), batch_size=len(images))
        self.val_iou.update(logits.argmax(dim=1), masks)

    def on_validation_epoch_end(self) -> None:
        self.log("val_iou", self.val_iou.compute())
        # torchmetrics gives an absent class 0, segexp leaves it out: both are scored from matrices.
        confusion = self.val_iou.confmat.cpu().numpy()
        if not self.trainer.sanity_checking:
            self.epoch_miou.append(score(confusion).miou)
        self.val_iou.reset()

    def configure_optimizers(self) -> dict[str, Any]:
        given = self.optimization
        optimizer = torch.optim.AdamW(
            self.parameters(),
            lr=given.learning_rate,
            weight_decay=given.weight_decay,
        )

        def factor(step: int) -> float:
            return learning_rate_factor(given.schedule, step, self.total_steps, self.warmup_steps)

        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }


class Stopwatch(lightning.Callback):  # type: ignore[misc]
    """Seconds of each epoch, and of its training alone."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.begun: list[float] = []
        self.trained: list[float] = []
        self.ended = 0.0

    def on_train_epoch_start(self, trainer: lightning.Trainer, module: SegmentationModel) -> None:
        self.begun.append(self.clock())

    def on_validation_epoch_start(
        self, trainer: lightning.Trainer, module: SegmentationModel
    ) -> None:
        if not trainer.sanity_checking:
            self.trained.append(self.clock())

    def on_train_end(self, trainer: lightning.Trainer, module: SegmentationModel) -> None:
        self.ended = self.clock()


def train_peer(
    scenes: Scenes,
    directory: Path,
    optimization: Optimization,
    name: str,
    seed: int,
    compute: Compute,
    *,
    epochs: int,
    workers: int,
    clock: Callable[[], float],
) -> tuple[list[float], list[float], list[float]]:
    """Train the peer, in its strict form where ``compute`` has bf16.

    Returns:
        The seconds, the training images a second, and the mIoU of each epoch.
    """
    lightning.seed_everything(seed, verbose=False)
    train_set = PngFiles(directory / "train", training_transform(scenes, seed))
    val_set = PngFiles(directory / "val", albumentations.Compose(_to_tensor(scenes)))
    new_loader = partial(DataLoader, num_workers=workers, persistent_workers=workers > 0)
    train_loader = new_loader(train_set, batch_size=bare.BATCH_SIZE, shuffle=True)
    val_loader = new_loader(val_set, batch_size=2 * bare.BATCH_SIZE)
    module = SegmentationModel(
        # Placed as for float32: what segexp does to a model that trains in bf16 is its own.
        bare.make(name, replace(compute, bf16=False), seed),
        compute.bf16,
        optimization,
        epochs,
        len(train_loader),
    )
    watch = Stopwatch(clock)
    trainer = lightning.Trainer(
        max_epochs=epochs,
        devices=1,
        precision="bf16-mixed" if compute.bf16 else "32-true",
        gradient_clip_val=optimization.gradient_clip,
        default_root_dir=directory,
        callbacks=[watch],
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few workers, few steps between two log lines
        trainer.fit(module, train_loader, val_loader)
    ends = [*watch.begun[1:], watch.ended]
    seconds = [end - begin for begin, end in zip(watch.begun, ends, strict=True)]
    training = [end - begin for begin, end in zip(watch.begun, watch.trained, strict=True)]
    return seconds, [len(train_set) / s for s in training], module.epoch_miou


def training_transform(scenes: Scenes, seed: int) -> albumentations.Compose:
    """Return the pipeline of `segexp.data.augment` at its default strength, and normalisation."""
    height, width = scenes.dataset.image_size
    zoom, colour, hue = 0.5 * AUGMENTATION, 0.4 * AUGMENTATION, 0.05 * AUGMENTATION
    factor = (1 - colour, 1 + colour)
    return albumentations.Compose(
        [
            albumentations.HorizontalFlip(p=AUGMENTATION),
            albumentations.RandomScale(scale_limit=(-zoom, zoom), p=1),
            albumentations.PadIfNeeded(
                height,
                width,
                position="random",
                border_mode=cv2.BORDER_CONSTANT,
                fill=(124, 116, 104),
                fill_mask=VOID,
            ),
            albumentations.RandomCrop(height, width),
            albumentations.ColorJitter(factor, factor, factor, (-hue, hue), p=0.8),
            *_to_tensor(scenes),
        ],
        seed=seed,
    )


def _to_tensor(scenes: Scenes) -> list[Any]:
    normalisation = scenes.preprocessing
    return [
        albumentations.Normalize(mean=normalisation.mean, std=normalisation.std),
        ToTensorV2(),
    ]
