"""The section ``data`` of `config.yaml`: where the images are, and how they reach the model."""

import re
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
    model_validator,
)

from segexp.core.choices import Offered
from segexp.core.errors import did_you_mean

MAX_SIDE = 16_384
MAX_PIXELS = 1 << 24
"""Of an image as it is trained, in a bundle as well."""

Format = Annotated[str, Offered("segexp.data.layouts:format_names")]
Normalization = Literal["dataset", "imagenet"]
HeldoutBy = Literal["auto", "city", "sequence", "image"]
ScoredAt = Literal["resized", "own"]
Channels = Literal["rgb", "bgr", "grey"]


class Section(BaseModel):
    """A section of `config.yaml`."""

    # Strict: neither `true` nor a quoted word is a number.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, str_max_length=4096)


class SyntheticConfig(Section):
    """How many scenes the generator draws for each split, and from which seed."""

    train: int = Field(96, ge=2, le=100_000)
    val: int = Field(32, ge=1, le=100_000)
    test: int = Field(512, ge=0, le=100_000)
    seed: int = Field(0, ge=0, lt=2**31)


RawId = Annotated[int, Field(strict=False, ge=-(1 << 31), lt=1 << 32)]  # JSON has keys of text


class MasksConfig(Section):
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


class DivisionConfig(Section):
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


class LayoutConfig(Section):
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


class ShortSide(Section):
    """Images are resized so that their shorter side has so many pixels; the shape is kept."""

    short_side: int = Field(ge=1, le=MAX_SIDE)


class Factor(Section):
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


class HeldoutConfig(Section):
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


class DataConfig(Section):
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
