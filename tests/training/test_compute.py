from pathlib import Path

import pytest
import torch
from torch import nn

from segexp.training.compute import Compute, choose_compute
from segexp.training.network import make_model

CPU = torch.device("cpu")
CPUINFO = Path("/proc/cpuinfo")


def test_precision_decides_about_bf16_whatever_the_device_can_do():
    assert not choose_compute("fp32").bf16
    assert choose_compute("bf16").bf16
    assert [choose_compute(name).precision for name in ("fp32", "bf16")] == ["fp32", "bf16"]


@pytest.mark.skipif(
    torch.cuda.is_available() or not CPUINFO.is_file(), reason="reads the processor's flags"
)
def test_auto_takes_bf16_where_the_processor_has_units_for_it():
    flags = CPUINFO.read_text().split()
    has_units = "avx512_bf16" in flags or "amx_tile" in flags
    compute = choose_compute("auto")
    assert compute.device == CPU
    assert compute.bf16 == has_units


@pytest.mark.skipif(torch.cuda.is_available(), reason="of processors")
@pytest.mark.parametrize("precision", ["auto", "bf16", "fp32"])
@pytest.mark.parametrize("has_units", [True, False])
def test_a_processor_computes_in_channels_last_with_units_for_bf16_and_without(
    has_units, precision, monkeypatch
):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_units)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    compute = choose_compute(precision)
    assert compute.channels_last
    assert compute.bf16 == {"auto": has_units, "bf16": True, "fp32": False}[precision]


def test_the_device_is_the_best_one_there_is():
    expected = (
        "cuda"
        if torch.cuda.is_available()
        else "mps"
        if torch.backends.mps.is_available()
        else "cpu"
    )
    assert choose_compute("auto").device.type == expected


@pytest.mark.cuda
def test_auto_takes_bf16_on_a_gpu_that_has_units_for_it():
    """Since Ampere, whose compute capability is 8.0."""
    compute = choose_compute("auto")
    assert compute.bf16 == (torch.cuda.get_device_capability() >= (8, 0))
    assert compute.description.startswith(torch.cuda.get_device_name())


@pytest.mark.parametrize(("bf16", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_forward_passes_run_in_the_chosen_format_on_float32_weights(bf16, dtype, device):
    compute = Compute(device, bf16=bf16, channels_last=False)
    layer = compute.place(nn.Conv2d(3, 4, 1))
    images = compute.send(torch.zeros(1, 3, 2, 2))
    with compute.autocast():
        assert layer(images).dtype == dtype
    assert layer.weight.dtype == torch.float32
    assert layer(images).dtype == torch.float32


def test_logits_in_bf16_are_those_of_float32_to_its_rounding(device):
    """It keeps 8 bits: each of some 60 layers rounds to 1 in 256."""
    torch.manual_seed(0)
    model = make_model("Unet", "mobilenet_v2", None, 10, 0.25).eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        expected = model(images)
        compute = Compute(device, bf16=True, channels_last=True)
        placed = compute.place(model)
        with compute.autocast():
            found = placed(compute.send(images)).float().cpu()
    off = (found - expected).norm() / (expected - expected.mean()).norm()
    assert 1e-4 < off < 0.05


@pytest.mark.parametrize("channels_last", [True, False])
def test_images_and_weights_are_put_into_the_memory_format(channels_last):
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    compute = Compute(CPU, bf16=False, channels_last=channels_last)
    layer = compute.place(nn.Conv2d(3, 4, 3))
    assert isinstance(layer, nn.Conv2d)
    assert layer.weight.is_contiguous(memory_format=memory_format)
    for given in (torch.contiguous_format, torch.channels_last):
        images = torch.arange(2 * 3 * 4 * 5, dtype=torch.uint8).view(2, 3, 4, 5)
        sent = compute.send(images.contiguous(memory_format=given))
        assert sent.is_contiguous(memory_format=memory_format)
        assert torch.equal(sent, images)


def test_the_description_names_device_and_format():
    assert Compute(CPU, True, False).description == "cpu, bf16"
    assert Compute(CPU, True, True).description == "cpu, bf16, channels_last"
    assert Compute(CPU, False, True).description == "cpu, fp32, channels_last"
