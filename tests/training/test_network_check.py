"""What meta tensors say of a pair, beside what a real batch says."""

import json
from pathlib import Path

import pytest
import torch

from segexp.core.errors import InputError
from segexp.training.network import ARCHS, REFUSALS, make_model
from segexp.training.network_check import Verdict, check_pair, check_pairs, fails_alone

SIZE = (64, 128)

# Good and bad, of convolutions and transformers, refused when built, when run, and only alone.
PAIRS = [
    ("Unet", "mobilenet_v2"),
    ("UnetPlusPlus", "resnet18"),
    ("MAnet", "mit_b0"),
    ("FPN", "tu-convnext_atto"),
    ("PSPNet", "tu-mobilenetv3_small_050"),
    ("UPerNet", "resnet18"),
    ("DeepLabV3", "mobilenet_v2"),
    ("DeepLabV3Plus", "tu-resnet18"),
    ("DeepLabV3Plus", "tu-edgenext_xx_small"),
    ("DeepLabV3Plus", "tu-swiftformer_xs"),
    ("DPT", "tu-vit_tiny_patch16_224"),
    ("DPT", "tu-xcit_nano_12_p16_224"),
    ("Segformer", "mit_b0"),
    ("Linknet", "tu-inception_v3"),
    ("Unet", "tu-halonet26t"),
    ("Unet", "tu-mobilevitv2_050"),
    ("Unet", "tu-vit_tiny_patch16_224"),
    ("Unet", "tu-hiera_tiny_224"),
]


def trains(arch: str, encoder: str, batch: int, size: tuple[int, int]) -> bool:
    """Whether a real training step of a pair comes through."""
    try:
        model = make_model(arch, encoder, None, 3, 0.1, size).train()
        logits = model(torch.rand(batch, 3, *size))
        logits.square().mean().backward()
    except (InputError, *REFUSALS):
        return False
    return tuple(logits.shape[2:]) == size


@pytest.mark.slow
@pytest.mark.parametrize(("arch", "encoder"), PAIRS)
def test_a_pair_is_refused_where_a_real_training_step_fails(arch: str, encoder: str) -> None:
    verdict = check_pair(arch, encoder, SIZE)
    assert (verdict.refused is None) == trains(arch, encoder, 2, SIZE), verdict
    assert (verdict.alone is None) == trains(arch, encoder, 1, SIZE), verdict


@pytest.mark.parametrize("arch", sorted({*ARCHS.values()} - {"DPT", "PAN"}))
@pytest.mark.parametrize("size", [(32, 32), (64, 64)])
def test_one_image_is_refused_as_by_torch(arch: str, size: tuple[int, int]) -> None:
    expected = not trains(arch, "mobilenet_v2", 1, size)
    assert fails_alone(arch, "mobilenet_v2", size) == expected
    always = arch in {"DeepLabV3", "DeepLabV3Plus", "UPerNet"}
    assert expected == (always if size == (64, 64) else arch != "PSPNet")


def test_the_reason_is_a_sentence_about_the_pair() -> None:
    verdict = check_pair("DeepLabV3Plus", "tu-edgenext_xx_small", SIZE)
    assert verdict.refused == "it dilates the encoder, which this encoder does not support"
    alone = check_pair("PAN", "resnet18", (128, 128)).alone
    assert alone is not None
    assert alone.startswith("Expected more than 1 value per channel when training")


def test_many_pairs_that_share_an_encoder_get_the_verdicts_of_each(tmp_path: Path) -> None:
    encoders = ("tu-edgenext_xx_small", "mobilenet_v2")
    pairs = [(arch, encoder) for encoder in encoders for arch in ("Unet", "PAN", "UPerNet", "DPT")]
    together = check_pairs(pairs, (128, 128), tmp_path / "models.json")
    assert together == {pair: check_pair(*pair, (128, 128)) for pair in pairs}
    assert len({verdict.refused for verdict in together.values()}) == 3


def test_verdicts_are_kept_for_the_image_size_and_the_versions(tmp_path: Path) -> None:
    file, counts = tmp_path / ".segexp" / "models.json", []
    pairs = [("Unet", "resnet18"), ("DPT", "resnet18")]
    first = check_pairs(pairs, SIZE, file, counts.append)
    assert check_pairs(pairs, SIZE, file, counts.append) == first
    check_pairs(pairs[:1], (64, 64), file, counts.append)
    assert counts == [2, 1]
    content = json.loads(file.read_text())
    assert f"torch {torch.__version__}" in next(iter(content))
    older = {key.replace("torch ", "torch 0."): value for key, value in content.items()}
    file.write_text(json.dumps(older))
    check_pairs(pairs, SIZE, file, counts.append)
    assert counts == [2, 1, 2]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"64x128": {"Unet on resnet18": 3}}'])
def test_a_damaged_file_of_verdicts_is_written_anew(tmp_path: Path, text: str) -> None:
    file = tmp_path / "models.json"
    file.write_text(text)
    verdicts = check_pairs([("Unet", "resnet18")], SIZE, file)
    assert verdicts == {("Unet", "resnet18"): Verdict()}
    assert json.loads(file.read_text())


def test_the_random_state_is_left_as_it_is() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    check_pair("Unet", "mit_b0", SIZE)
    assert torch.equal(torch.rand(2), expected)
