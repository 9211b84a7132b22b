"""A model in Python: held against the command's own code, and against torch and smp by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import segmentation_models_pytorch as smp
import torch
from PIL import Image

import segexp
from segexp import InputError
from segexp.api.models import Pixels
from segexp.evaluation.image_files import find_images
from segexp.evaluation.predict import predict_masks


def pixels(height: int, width: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def by_hand(saved: Path, image: Pixels) -> torch.Tensor:
    """The logits at the image's own size, (C, H, W), in float32."""
    model = smp.Unet(
        "mobilenet_v2", encoder_weights=None, decoder_channels=(128, 64, 32, 16, 8), classes=10
    )
    model.load_state_dict(safetensors.torch.load_file(saved / "model.safetensors"))
    small = torch.from_numpy(np.array(Image.fromarray(image))).permute(2, 0, 1).float()
    assert image.shape == (32, 64, 3)  # as the model sees it: nothing is resized
    normal = (small / 255 - torch.tensor([0.4, 0.41, 0.42])[:, None, None]) / torch.tensor(
        [0.3, 0.31, 0.32]
    )[:, None, None]
    with torch.inference_mode():
        return model.eval()(normal[None])[0]


def test_an_image_has_a_mask_and_probabilities_at_its_own_size(saved: Path) -> None:
    model = segexp.load(saved, precision="fp32")
    for height, width in [(33, 65), (32, 64), (100, 40)]:
        image = pixels(height, width)
        found = model.predict(image)
        assert found.mask.shape == (height, width)
        assert found.mask.dtype == np.uint8
        assert found.probabilities.shape == (10, height, width)
        assert found.probabilities.dtype == np.float32
        assert np.allclose(found.probabilities.sum(axis=0), 1, atol=1e-5)
        assert found.classes == model.classes == segexp.mapping("merged10").names
        assert found.overlay().shape == (height, width, 3)


def test_the_mask_and_the_probabilities_are_those_of_smp_by_hand(saved: Path) -> None:
    image = pixels(32, 64)
    logits = by_hand(saved, image)
    found = segexp.load(saved, precision="fp32").predict(image)
    agree = found.mask == logits.argmax(dim=0).numpy()
    assert agree.mean() > 0.999
    # Temperature 2; weights of the loss in inverse proportion to 10, 20, ... 100 pixels.
    frequency = torch.arange(10, 110, 10).float()
    expected = ((logits / 2).exp() * frequency[:, None, None]).double()
    expected /= expected.sum(dim=0)
    assert np.allclose(found.probabilities, expected.numpy(), atol=1e-4)


def test_a_file_is_predicted_as_the_command_does(saved: Path, tmp_path: Path) -> None:
    Image.fromarray(pixels(50, 70)).save(tmp_path / "a.png")
    model = segexp.load(str(saved))
    (expected,) = predict_masks(
        model.network,
        model.bundle.preprocessing,
        model.compute,
        find_images([tmp_path / "a.png"]),
    )
    for image in (tmp_path / "a.png", str(tmp_path / "a.png"), pixels(50, 70)):
        assert np.array_equal(model.predict(image).mask, expected.mask)
    np.save(tmp_path / "a.npy", pixels(50, 70))
    assert np.array_equal(model.predict(tmp_path / "a.npy").mask, expected.mask)


def test_a_list_of_images_of_any_sizes_has_a_prediction_each(saved: Path) -> None:
    model = segexp.load(saved)
    images = [pixels(40, 60, 1), pixels(20, 90, 2)]
    found = model.predict(images)
    assert [each.mask.shape for each in found] == [(40, 60), (20, 90)]
    assert np.array_equal(found[1].mask, model.predict(images[1]).mask)
    assert model.predict([]) == []


def test_a_prediction_is_saved_as_three_pictures(saved: Path, tmp_path: Path) -> None:
    found = segexp.load(saved).predict(pixels(40, 60))
    files = found.save(tmp_path / "new" / "street")
    assert [path.name for path in files] == [
        "street_mask.png",
        "street_color.png",
        "street_overlay.png",
    ]
    assert np.array_equal(np.asarray(Image.open(files[0])), found.mask)
    assert np.array_equal(np.asarray(Image.open(files[2])), found.overlay())


def test_what_is_no_image_is_refused_with_its_place_all_at_once(
    saved: Path, tmp_path: Path
) -> None:
    (tmp_path / "b.png").write_bytes(b"no picture")
    floats = np.zeros((4, 4, 3))
    wrong = [pixels(4, 4), floats, pixels(4, 4)[..., 0], tmp_path / "b.png", tmp_path / "c.png"]
    with pytest.raises(InputError) as error:
        segexp.load(saved).predict(wrong)
    first, second, third, fourth = error.value.faults
    assert first == (
        "image 1: float64 of shape (4, 4, 3); expected RGB pixels in 0..255, numpy.uint8 of shape "
        "(H, W, 3)"
    )
    assert second.startswith("image 2: uint8 of shape (4, 4);")
    assert "b.png" in third
    assert "c.png" in fourth
    unscaled = np.ones((4, 4, 3), np.uint8)
    with pytest.raises(InputError, match=r"image 0: no value above 1 of 255: floats in 0..1"):
        segexp.load(saved).predict(unscaled)


def test_a_model_says_what_its_bundle_says(saved: Path) -> None:
    model = segexp.load(saved.parent)
    content = json.loads((saved / "bundle.json").read_text(encoding="utf-8"))
    assert model.path == saved
    assert model.scores == content["scores"]
    assert model.bundle.origin["trial"] == 7
    with pytest.raises(InputError, match=r"precision 'fp31': .* \(did you mean 'fp32'\?\)"):
        segexp.load(saved, precision="fp31")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no model: no such folder"):
        segexp.load("nosuch/folder")
