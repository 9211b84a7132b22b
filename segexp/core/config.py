"""The project's configuration: what `config.yaml` may say, and what each key means."""

import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
    field_validator,
    model_validator,
)

from segexp.core.choices import Offered
from segexp.core.credentials import url_fault
from segexp.core.errors import did_you_mean
from segexp.core.files import name_fault
from segexp.core.wording import seconds_of

CONFIG_FILE = "config.yaml"
WORK_DIRECTORY = ".segexp"  # caches, locks, checkpoints, bundles
RUNS_DIRECTORY = "runs"  # what people look at: a results folder for each study

MAX_SIDE = 16_384
MAX_PIXELS = 1 << 24
"""Of an image as it is trained, in a bundle as well."""

Format = Annotated[str, Offered("segexp.data.layouts:format_names")]
Normalization = Literal["dataset", "imagenet"]
HeldoutBy = Literal["auto", "city", "sequence", "image"]
ScoredAt = Literal["resized", "own"]
Channels = Literal["rgb", "bgr", "grey"]
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


class _Section(BaseModel):
    # Strict: neither `true` nor a quoted word is a number.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, str_max_length=4096)


class SyntheticConfig(_Section):
    """How many scenes the generator draws for each split, and from which seed."""

    train: int = Field(96, ge=2, le=100_000)
    val: int = Field(32, ge=1, le=100_000)
    test: int = Field(512, ge=0, le=100_000)
    seed: int = Field(0, ge=0, lt=2**31)


RawId = Annotated[int, Field(strict=False, ge=-(1 << 31), lt=1 << 32)]  # JSON has keys of text


class MasksConfig(_Section):
    """How masks are read where neither their files nor the taxonomy say it.

    Attributes:
        void: Raw ids that are void, beside the taxonomy's.
        ids: A raw id in the masks -> the taxonomy's raw id or the name of its label, or ``void``.
        divide: What instance ids are divided by (rounded down) to get raw ids.
        nearest_color: The largest distance in RGB at which a colour is taken for a label's.
        channels: ``rgb`` (grey and palette masks are read by their colours, too), ``bgr``, or
            ``grey``, ids three times.
        array: The name of the array in npz files.
    """

    void: tuple[RawId, ...] = Field((), strict=False)
    ids: dict[RawId, int | str] = {}
    divide: int | None = Field(None, ge=2, le=1 << 20)
    nearest_color: int | None = Field(None, ge=1, le=441)
    channels: Channels | None = None
    array: str | None = Field(None, min_length=1)

    @field_validator("void", mode="before")
    @classmethod
    def _list_of_ids(cls, value: object) -> object:
        if isinstance(value, int):
            raise ValueError(f"expected a list, such as [{value}]")
        return value

    @field_validator("divide")
    @classmethod
    def _one_rule_for_all_ids(cls, value: int | None) -> int | None:
        if value == 1000:
            raise ValueError(
                "Cityscapes divides ids from 1000 on and leaves those below as they are: take "
                "the masks *_labelIds.png"
            )
        return value


Share = Annotated[float, Field(ge=0, lt=1)]


class DivisionConfig(_Section):
    """How data is divided into splits: see `segexp.data.division`.

    Attributes:
        by: What is kept together in one split.
        train: Train's share of the images; what val and test leave when it is null.
        val: Val's share.
        test: Test's share; 0 for no test split.
    """

    by: HeldoutBy = "auto"
    train: Share | None = None
    val: Share = 0.15
    test: Share = 0.15

    @model_validator(mode="after")
    def _shares_of_one(self) -> "DivisionConfig":
        rest = 1 - self.val - self.test
        if self.val == 0:
            raise ValueError("val: 0; tuning needs images of its own")
        if rest <= 0 or (self.train is not None and abs(self.train - rest) > 1e-6):
            raise ValueError("train, val and test must come to 1, and none of train and val be 0")
        return self


class LayoutConfig(_Section):
    """How a tree lies that no layout recognises: see `segexp.data.described`.

    Attributes:
        images: A glob pattern below ``data.root``, such as ``**/left/*.png``.
        masks: Likewise.
        join: A regular expression that is searched for in the paths of images and masks; its groups
            are the same in an image and in its mask. Null to join names by what they share.
        split: A regular expression whose group is a split's name in the path of an image; or how
            the data is divided. Null where the names of folders tell.
        unpaired: Whether what has no partner is a fault or left out.
    """

    images: str = Field(min_length=1)
    masks: str = Field(min_length=1)
    join: str | None = None
    split: str | DivisionConfig | None = None
    unpaired: Literal["fault", "skip"] = "fault"

    @field_validator("images", "masks")
    @classmethod
    def _below_the_root(cls, value: str) -> str:
        if value.startswith("/") or ".." in value.split("/"):
            raise ValueError("a pattern below data.root, such as 'images/**/*.jpg'")
        return value

    @field_validator("join", "split")
    @classmethod
    def _with_groups(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            groups = re.compile(value).groups
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        if not groups:
            raise ValueError("has no group in parentheses, which says what is shared")
        return value


class ShortSide(_Section):
    """Images are resized so that their shorter side has so many pixels; the shape is kept."""

    short_side: int = Field(ge=1, le=MAX_SIDE)


class Factor(_Section):
    """Both sides of images are multiplied by a number; the shape is kept."""

    factor: float = Field(gt=0, le=16)


def _in_one_line(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    try:
        return validate(value)
    except ValidationError:  # of several types: each would say what is wrong for it
        hint = did_you_mean(str(value), ("stretch", "fit", "none"))
        raise ValueError(
            f"expected stretch, fit, none, {{short_side: 1 to {MAX_SIDE}}} or {{factor: F}} with F "
            f"above 0 and at most 16{hint}"
        ) from None


Resize = Annotated[
    Literal["stretch", "fit", "none"] | ShortSide | Factor, WrapValidator(_in_one_line)
]
"""To which size an image is brought: see `segexp.data.resize.resized_size`."""


class HeldoutConfig(_Section):
    """Another data set, on whose images final scores are: see `segexp.data.heldout`.

    Attributes:
        root: Its folder; a relative path starts at the project directory.
        format: As `DataConfig` has them, of that folder; so are the others.
    """

    root: str
    format: Format = "auto"
    taxonomy: str | None = None
    masks: MasksConfig | None = None
    layout: LayoutConfig | None = None
    relabel: str | None = None


class DataConfig(_Section):
    """Where the images are and how they reach the model.

    Attributes:
        format: The folder layout; ``auto`` recognises it from what is in ``root``.
        layout: How the folder lies, where no layout recognises it; null for none.
        root: The data set's folder; a relative path starts at the project directory.
        image_size: Height and width in pixels of the largest part of an image that the network
            sees at once.
        resize: To which size images are brought: see `segexp.data.resize.resized_size`.
        scored_at: The size of final scores, ``resized`` as in tuning or the masks' ``own``; null to
            go by ``resize``: see `segexp.evaluation.sizes`.
        normalization: Channel statistics of the train split, or ImageNet's.
        taxonomy: The taxonomy of the masks, for a layout that does not name it; else null.
        relabel: A mapping that leads ``to`` another taxonomy: the data is read in its labels.
        masks: How masks are read where their files do not say it; null to read them as stored.
        heldout: Another data set that final scores are on; null for this one's test split, or half
            of its val.
        heldout_by: What is kept together when val is halved because there is no test split:
            see `segexp.data.halves`.
        synthetic: For the format ``synthetic`` only.
    """

    format: Format = "synthetic"
    root: str | None = None
    image_size: tuple[int, int] = Field((64, 128), strict=False)  # YAML has lists, no tuples
    resize: Resize = "stretch"
    scored_at: ScoredAt | None = None
    normalization: Normalization = "dataset"
    taxonomy: str | None = None
    masks: MasksConfig | None = None
    layout: LayoutConfig | None = None
    relabel: str | None = None
    heldout: HeldoutConfig | None = None
    heldout_by: HeldoutBy = "auto"
    synthetic: SyntheticConfig = SyntheticConfig()

    @field_validator("image_size")
    @classmethod
    def _multiple_of_32(cls, value: tuple[int, int]) -> tuple[int, int]:
        if any(side < 32 or side % 32 for side in value):
            nearest = [min(MAX_SIDE, max(32, round(side / 32) * 32)) for side in value]
            raise ValueError(f"both sides must be multiples of 32, such as {nearest}")
        if max(value) > MAX_SIDE or value[0] * value[1] > MAX_PIXELS:
            raise ValueError(f"at most {MAX_SIDE} a side and {MAX_PIXELS:,} pixels")
        return value


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


class ModelConfig(_Section):
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


class TrainingConfig(_Section):
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
    seed: int = Field(0, ge=0, lt=2**31)


class TrackingConfig(_Section):
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


class Config(_Section):
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
