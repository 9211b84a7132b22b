"""Hostile bundles: damaged files, and files that lie with the right digests."""

import copy
import functools
import hashlib
import json
import shutil
import struct
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from harness.fuzzing.mutations import damaged, pick
from harness.trees import mapping
from segexp.core.errors import InputError, WorkError
from segexp.training.bundle import Bundle, load_bundle, save_bundle
from segexp.training.bundle_files import JSON_FILE, WEIGHTS_FILE
from segexp.training.bundle_json import signed
from segexp.training.network import make_model
from segexp.training.preprocess import Preprocessing
from segexp.training.reading import Prior, Reading

COUNT = 2_000

_NUMBERS: tuple[Any, ...] = (0, 1, 2, -1, 6, 255, 256, 10**9, 2**63, 10**400, 0.5, 1e9, 1e-300)
_NUMBERS += (True, None, "", "6", [], {}, "\udc80", "x" * 10_000, float("nan"), float("inf"))
_ARCHS = ("Unet", "unet", "FPN", "PAN", "Linknet", "DPT", "UPerNet", "Segformer", "U" * 1000, "")
_ENCODERS = (
    *("mobilenet_v2", "resnet18", "resnet152", "vgg19_bn", "mit_b5", "timm-regnety_320"),
    *(
        "tu-vit_giant_patch14_224",
        "tu-convnext_xxlarge",
        "tu-eva_giant_patch14_224",
        "efficientnet",
    ),
    *("tu-vit_7b_patch16_dinov3", "tu-resnet18.nonsense", "tu-hf-hub:a/b", "../../x", "e" * 5000),
)


@functools.cache
def _sound() -> tuple[dict[str, Any], bytes]:
    """Return the content of a tiny sound bundle: its JSON without the digest, and its weights."""
    classes = mapping("camvid_merged6")
    torch.manual_seed(0)
    model = make_model("Unet", "tu-mobilenetv3_small_050", None, 6, 0.1)
    preprocessing = Preprocessing((32, 64), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    with tempfile.TemporaryDirectory() as directory:
        bundle = Bundle(
            arch="Unet",
            encoder="tu-mobilenetv3_small_050",
            decoder_width=0.1,
            mapping=classes,
            preprocessing=preprocessing,
            scores={"tuning/miou": 0.5},
            origin={"study": "s", "trial": 3},
            model=model,
            reading=Reading(1.5, False, Prior("median_frequency", (5,) * 6, (9,) * 6)),
        )
        save_bundle(Path(directory) / "b", bundle)
        content = json.loads((Path(directory) / "b" / JSON_FILE).read_text(encoding="utf-8"))
        weights = (Path(directory) / "b" / WEIGHTS_FILE).read_bytes()
    content.pop("sha256")
    return content, weights


def run_case(rng: np.random.Generator, directory: Path) -> str:
    """Load one hostile bundle."""
    content, weights = _sound()
    content = json.loads(json.dumps(content))
    place = directory / "bundle"
    place.mkdir()
    action = int(rng.integers(10))
    is_sound = action == 0
    if action in (1, 2, 3):
        for _ in range(int(rng.integers(1, 4))):
            _change_field(rng, content)
    elif action in (4, 5):
        weights = _lying_weights(rng, weights)
        _describe(content, weights)
    lines = _lines(rng, content, is_changed=action == 6)
    data = made = signed(lines.encode(errors="surrogatepass"))
    if action == 7:
        data = damaged(rng, data)
    elif action == 8:
        weights = damaged(rng, weights)
    (place / JSON_FILE).write_bytes(data)
    (place / WEIGHTS_FILE).write_bytes(weights)
    if action == 9:
        _change_files(rng, place)
    try:
        loaded = load_bundle(place)
    except (InputError, WorkError):
        assert not is_sound
        return "refused"
    assert (place / JSON_FILE).read_bytes() == made, "a changed bundle.json was accepted"
    assert all(value.isfinite().all() for value in loaded.model.state_dict().values())
    return "accepted"


def _lines(rng: np.random.Generator, content: dict[str, Any], is_changed: bool) -> str:
    """Return the JSON behind the digest, with changes that only its text can have."""
    text = json.dumps(content, indent=2).removeprefix("{\n")
    if not is_changed:
        return text
    deep = "[" * int(pick(rng, (10, 300, 100_000)))
    return pick(
        rng,
        (
            text.replace('"format_version": 3', '"format_version": 3, "format_version": 3'),
            text.replace('"arch"', '"decoder_width": 1, "arch"'),
            text.replace("0.25", "NaN"),
            text.replace("0.25", "-Infinity"),
            text.replace("0.25", "1e999"),
            text.replace("0.25", "1" * 5000),
            text.replace("0.25", "0.25e-400"),
            text.replace("[", deep, 1),
            text.replace('"s"', deep + "]" * len(deep)),
            text.replace('"s"', '"\\ud800"'),
            text.replace('"s"', '"\ud800"'),
            text.replace('"s"', '"\\u001b[2J\\u0000"'),
            text + " ",
            text + "{}",
            " " * 2_000_000 + text,
            "",
            text[:-1],
        ),
    )


def _change_field(rng: np.random.Generator, content: dict[str, Any]) -> None:
    """Put another value somewhere into the JSON, remove or add an entry."""
    aimed: list[tuple[tuple[str, ...], tuple[Any, ...]]] = [
        (("architecture", "arch"), _ARCHS),
        (("architecture", "encoder"), _ENCODERS),
        (("architecture", "decoder_width"), (1e9, 0, -1, 1e-12, 1, 1.0, 0.1000001)),
        (("architecture", "num_classes"), (0, 1, 7, 255, 256, 10**9, -6)),
        (("preprocessing", "image_size"), ([10**9] * 2, [16_384] * 2, [32], [0, 32], [33, 64])),
        (("preprocessing", "std"), ([0.0] * 3, [1e-30] * 3, [-1.0] * 3, [1e38] * 3, [1, 1, 1])),
        (("preprocessing", "mean"), ([1e38] * 3, [-1.0] * 3, ["0"] * 3, [0, 0, 0])),
        (("weights", "size"), (0, -1, 2**63, 1.5)),
        (("weights", "sha256"), ("", "0" * 64, "Z" * 64, "0" * 100_000)),
        (("weights", "file"), ("/etc/passwd", "../model.safetensors", "model.pt")),
        (("mapping", "name"), ("../../x", "", "a\x1b[2J", "x" * 5000, "CON", 7)),
        (("mapping", "classes"), ([], [{}] * 70_000, [[]], "abc", None)),
        (("taxonomy", "labels"), ([], [{"name": "a", "id": 1, "color": [0, 0, 0]}] * 20_000)),
        (("taxonomy", "void"), (list(range(100_000)), [2**70], ["1"], None, [True])),
        (("taxonomy", "encodings"), ({"a": {}}, {"x" * 9999: {"labels": {}, "void": []}}, [3])),
        (("origin", "study"), ("x" * 100_000, None, 10**30, "\udcff")),
        (("format_version",), (0, 1, 4, 3.0, "3", None, 10**400)),
        (("reading", "temperature"), (0, -1.0, 1e-30, 1e30, "1", None)),
        (("reading", "prior", "pixels"), ([], [-1] * 6, [2**70] * 6, [1] * 100_000, None)),
        (("reading", "prior", "weighting"), ("", "x" * 5000, "../x", 3)),
    ]
    if rng.random() < 0.6:
        keys, values = pick(rng, aimed)
        inner = content
        for name in keys[:-1]:
            inner = inner.get(name, {}) if isinstance(inner, dict) else {}
        if isinstance(inner, dict):
            inner[keys[-1]] = copy.deepcopy(pick(rng, values))
        return
    node: Any = content
    while isinstance(node, dict | list) and node and rng.random() < 0.85:
        keys_here = list(node) if isinstance(node, dict) else list(range(len(node)))
        key: Any = pick(rng, keys_here)
        if not isinstance(node[key], dict | list) or rng.random() < 0.2:
            node[key] = copy.copy(pick(rng, _NUMBERS))
            return
        node = node[key]
    if isinstance(node, dict):
        if node and rng.random() < 0.5:
            del node[pick(rng, list(node))]
        else:
            node[pick(rng, ("surprise", "", "x" * 3000, "\x1b"))] = copy.copy(pick(rng, _NUMBERS))
    elif isinstance(node, list):
        node.append(copy.copy(pick(rng, _NUMBERS)))


def _describe(content: dict[str, Any], weights: bytes) -> None:
    content["weights"]["size"] = len(weights)
    content["weights"]["sha256"] = hashlib.sha256(weights).hexdigest()


def _lying_weights(rng: np.random.Generator, weights: bytes) -> bytes:
    """Change a safetensors file so that its digest is right and its content is not."""
    (length,) = struct.unpack_from("<Q", weights)
    header = json.loads(weights[8 : 8 + length])
    body = weights[8 + length :]
    names = [name for name in header if name != "__metadata__"]
    name = pick(rng, names)
    action = rng.integers(9)
    if action == 0:
        header[name]["shape"] = pick(rng, ([], [0], [2**40], [2**63, 2], [-1], ["3"], [1] * 500))
    elif action == 1:
        dtypes = ("F16", "F64", "I8", "BOOL", "F99", "", 3, "U64", "F8_E4M3")
        header[name]["dtype"] = pick(rng, dtypes)
    elif action == 2:
        offsets = ([0, 2**63], [-1, 4], [4, 0], [0, 0], [1], "a", [0, len(body)])
        header[name]["data_offsets"] = pick(rng, offsets)
    elif action == 3:
        del header[name]
    elif action == 4:
        header[pick(rng, ("surprise", "", "x" * 9999, "\x1b[2J"))] = header[name]
    elif action == 5:
        value = pick(rng, (float("nan"), float("inf"), -float("inf")))
        floats = [n for n in names if header[n]["dtype"] == "F32"]
        begin = header[pick(rng, floats)]["data_offsets"][0]
        body = body[:begin] + struct.pack("<f", value) + body[begin + 4 :]
    elif action == 6:
        other = pick(rng, names)
        header[name], header[other] = header[other], header[name]
    elif action == 7:
        sizes = (0, 1, length - 1, length + 1, 2**31, 2**63, 2**64 - 1, 10**9)
        return struct.pack("<Q", int(pick(rng, sizes))) + weights[8:]
    else:
        return damaged(rng, weights)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def _change_files(rng: np.random.Generator, place: Path) -> None:
    """Take files away, make links of them, put others beside them."""
    path = place / pick(rng, (JSON_FILE, WEIGHTS_FILE))
    action = rng.integers(6)
    if action == 0:
        path.unlink()
    elif action == 1:
        elsewhere = place.parent / "elsewhere"
        path.rename(elsewhere)
        path.symlink_to(elsewhere)
    elif action == 2:
        path.unlink()
        path.symlink_to(path.name)
    elif action == 3:
        path.unlink()
        path.mkdir()
    elif action == 4:
        with path.open("r+b") as file:
            file.truncate(2**30)  # a gigabyte that takes no room
    else:
        (place / "model.pt").write_bytes(b"\x80\x04.")
        (place / "link").symlink_to("/etc/passwd")
    if rng.random() < 0.2:
        shutil.rmtree(place)
