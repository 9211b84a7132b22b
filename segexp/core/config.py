"""The project's configuration: what `config.yaml` may say, and what each key means."""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    WithJsonSchema,
    model_validator,
)

from segexp.core.choices import Offered
from segexp.core.credentials import url_fault
from segexp.core.data_config import DataConfig, Section
from segexp.core.files import name_fault
from segexp.core.wording import seconds_of

CONFIG_FILE = "config.yaml"
WORK_DIRECTORY = ".segexp"  # caches, locks, checkpoints, bundles
RUNS_DIRECTORY = "runs"  # what people look at: a results folder for each study

Optimizer = Annotated[str, Offered("segexp.training.optimizers:OPTIMIZERS")]
Schedule = Annotated[str, Offered("segexp.training.schedules:SCHEDULES")]
Loss = Annotated[str, Offered("segexp.training.losses")]
LossWeighting = Annotated[str, Offered("segexp.training.class_weights:WEIGHTINGS")]
Precision = Literal["auto", "fp32", "bf16"]


def _good_url(value: str) -> str:
    if fault := url_fault(value):
        raise ValueError(fault)
    return value


def _good_name(value: str) -> str:
    if fault := name_fault("name", value):
        raise ValueError(fault.partition(": ")[2])
    return value


Url = Annotated[str, AfterValidator(_good_url)]
Name = Annotated[str, AfterValidator(_good_name)]


def _crop(value: Any) -> Any:
    """Write a crop as text, which a search can choose, unlike a list."""
    sides = value.split("x") if isinstance(value, str) else value
    try:
        height, width = (int(side) if isinstance(side, str) else side for side in sides)
        if all(type(side) is int and side >= 32 and side % 32 == 0 for side in (height, width)):
            return f"{height}x{width}"
    except (TypeError, ValueError):
        pass
    raise ValueError("expected height and width, multiples of 32, such as [256, 512] or 256x512")


_SIDE = {"type": "integer", "minimum": 32, "multipleOf": 32}
_CROP_SCHEMA = {
    "anyOf": [
        {"type": "array", "items": _SIDE, "minItems": 2, "maxItems": 2},
        {"type": "string", "pattern": "^[0-9]+x[0-9]+$"},
    ]
}
Crop = Annotated[str, BeforeValidator(_crop), WithJsonSchema(_CROP_SCHEMA)]


class ModelConfig(Section):
    """The network, in the words of segmentation-models-pytorch.

    Attributes:
        arch: An architecture of smp, such as ``Unet`` or ``Segformer``.
        encoder: An encoder of smp, or ``tu-`` and a timm name.
        encoder_weights: A name that smp or timm has for the encoder's weights, such as
            ``imagenet``; a directory with ``<encoder>.safetensors``, which if relative starts at
            the project directory; or null.
        decoder_width: Multiplies smp's default decoder channels; under 1 is slimmer and faster.
    """

    arch: str = "Unet"
    encoder: str = "mobilenet_v2"
    encoder_weights: str | None = None
    decoder_width: float = Field(1.0, gt=0, le=1)


class TrainingConfig(Section):
    """How one trial trains.

    Attributes:
        epochs: Passes over the train split.
        batch_size: Images per step.
        optimizer: AdamW, or SGD with Nesterov momentum 0.9.
        learning_rate: The peak of the schedule.
        weight_decay: Decoupled (AdamW) or L2 (SGD).
        schedule: How the learning rate falls.
        warmup_epochs: Linear warm-up before it; may be a fraction.
        loss: The loss function.
        loss_weighting: How class weights are counted from the train split.
        augmentation: Strength of flip, scale/crop and colour, from 0 (none) to 1.
        crop: Height and width of the part of an image that training sees, as ``256x512``; null for
            ``data.image_size``. The keys below are explained in `segexp.data.crops`.
        crop_max_share: The largest share of such a part that one class may have; 1 for no limit.
        crop_rare: How often the part lies around a pixel of a rare class, 0 to 1.
        zoom: Images are scaled by a factor from 1 +- zoom; null for half of ``augmentation``.
        precision: ``auto`` takes bf16 where the device has units for it.
        gradient_clip: The largest gradient norm; 0 does not clip.
        repeat_rare: Images with a class that fewer than this share of them have are shown more
            often; 0 for all alike.
        label_smoothing: How much of the truth a loss with cross-entropy spreads over all classes.
        ema: The decay of the weights' moving average, which is then the model; 0 for none.
        encoder_lr_factor: The encoder's share of the learning rate.
        layer_decay: Each layer of the encoder learns with this share of the next one's rate.
        freeze_encoder_epochs: How many epochs the encoder stays as it is, at first.
        accumulate: Batches whose gradients add up to one step.
        devices: How many devices train one model together; each takes its part of a batch.
        seed: For weights, image order and augmentation.
    """

    epochs: int = Field(9, ge=1, le=100_000)
    batch_size: int = Field(8, ge=1, le=65_536)
    optimizer: Optimizer = "adamw"
    learning_rate: float = Field(1e-3, gt=0, le=100, allow_inf_nan=False)
    weight_decay: float = Field(1e-4, ge=0, le=10, allow_inf_nan=False)
    schedule: Schedule = "cosine"
    warmup_epochs: float = Field(0.0, ge=0, le=100_000, allow_inf_nan=False)
    loss: Loss = "cross_entropy"
    loss_weighting: LossWeighting = "none"
    augmentation: float = Field(0.5, ge=0, le=1)
    crop: Crop | None = None
    crop_max_share: float = Field(1.0, gt=0, le=1)
    crop_rare: float = Field(0.0, ge=0, le=1)
    zoom: float | None = Field(None, ge=0, le=0.9)
    precision: Precision = "auto"
    gradient_clip: float = Field(1.0, ge=0, le=1e9, allow_inf_nan=False)
    repeat_rare: float = Field(0.0, ge=0, le=1)
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    ema: float = Field(0.0, ge=0, lt=1)
    encoder_lr_factor: float = Field(1.0, gt=0, le=100)
    layer_decay: float = Field(1.0, gt=0, le=1)
    freeze_encoder_epochs: int = Field(0, ge=0, le=100_000)
    accumulate: int = Field(1, ge=1, le=65_536)
    devices: int = Field(1, ge=1, le=1024)
    seed: int = Field(0, ge=0, lt=2**31)


class TrackingConfig(Section):
    """Where MLflow records.

    Attributes:
        uri: An MLflow tracking URI; null is `mlflow.db` and `mlruns/` in the project.
        experiment: The MLflow experiment, which is also a folder in `mlruns/`; null is the
            study's name.
    """

    uri: Url | None = None
    experiment: Name | None = None


def _seconds(value: Any) -> Any:
    return seconds_of(value) if isinstance(value, str) else value


Seconds = Annotated[
    float,
    Field(ge=0, le=30 * 86400),
    BeforeValidator(_seconds),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, {"type": "string"}]}),
]


class EngineConfig(Section):
    """What a trial has of a cluster, where the engine is Ray.

    Attributes:
        num_cpus: Cores, and so many threads of torch.
        num_gpus: GPUs, or a share of one; null for one where there are any, or the share that
            ``--per-gpu`` says.
    """

    num_cpus: float = Field(1.0, gt=0, le=4096)
    num_gpus: float | None = Field(None, ge=0, le=64)


class Config(Section):
    """Everything in `config.yaml`.

    Attributes:
        storage: An Optuna URL; null is `studies/optuna.db`.
        storage_patience: How long a command that runs trials waits for a storage that does not
            answer, in seconds or as ``10m``, before it ends.
    """

    data: DataConfig = DataConfig()
    mapping: str = "cityscapes19"
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    tracking: TrackingConfig = TrackingConfig()
    engine: EngineConfig = EngineConfig()
    storage: Url | None = None
    storage_patience: Seconds = 600.0

    @model_validator(mode="after")
    def _crop_fits(self) -> "Config":
        height, width = self.data.image_size
        if self.crop_size[0] > height or self.crop_size[1] > width:
            raise ValueError(
                f"training.crop: {self.training.crop}; at most data.image_size, {height}x{width}: "
                "set that to the larger one"
            )
        return self

    @model_validator(mode="after")
    def _batch_divides(self) -> "Config":
        size, devices = self.training.batch_size, self.training.devices
        if size % devices:
            raise ValueError(
                f"training.batch_size: {size}; a multiple of training.devices, {devices}: each "
                "device takes an equal part of a batch"
            )
        return self

    @property
    def crop_size(self) -> tuple[int, int]:
        """Height and width of what training sees at once."""
        if self.training.crop is None:
            return self.data.image_size
        height, width = map(int, self.training.crop.split("x"))
        return height, width

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as YAML and JSON write them."""
        return self.model_dump(mode="json")
