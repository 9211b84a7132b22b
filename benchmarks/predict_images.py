"""segexp's prediction, from PNG files to PNG files, against the model alone, in one run.

python benchmarks/predict_images.py                           # 500 images of 128x256
python benchmarks/predict_images.py --models Unet/resnet34/1 --images 100

The other side runs the same model at the same precision on one preloaded batch, as many times as
there are batches: in one loop on all threads, and in as many loops as segexp has streams, each on
its part of the threads; the faster one counts. segexp's side decodes, resizes, decides, draws,
encodes and writes three pictures of each image besides. A second table has one image: `segexp
predict` against a script that imports torch and smp, builds the model, loads the weights and runs
it once, each in its own process. Exit status 1 when a mask that was written is not what the model
alone decides (0.1% of the pixels may differ: logits of two classes may be equal in bf16).
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import bare
import numpy as np
import torch
from one_trial import MAPPINGS, setting, spread, verdict
from PIL import Image
from torch import nn

from segexp.data.files.images import read_rgb
from segexp.data.layout import SyntheticCounts, open_source
from segexp.evaluation.image_files import find_images
from segexp.evaluation.predict import predict_masks, stream_count
from segexp.labels.files import load_mapping
from segexp.labels.mapping import Mapping
from segexp.report.predictions import write_predictions
from segexp.training.bundle import Bundle, load_bundle, save_bundle
from segexp.training.compute import Compute, choose_compute
from segexp.training.network import decoder_channels
from segexp.training.preprocess import Preprocessing

BATCH_SIZE = 8
GOAL, SINGLE_GOAL = 0.9, 2.0
SAME_PIXELS = 0.999
STATISTICS = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)

SINGLE = """
import sys
import numpy as np, safetensors.torch, segmentation_models_pytorch as smp, torch
from PIL import Image
arch, encoder, weights, image, options = sys.argv[1:]
model = smp.create_model(arch, encoder, encoder_weights=None, classes=19, **eval(options)).eval()
model.load_state_dict(safetensors.torch.load_file(weights))
pixels = torch.from_numpy(np.array(Image.open(image))).permute(2, 0, 1)[None] / 255
with torch.inference_mode():
    mask = model((pixels - 0.5) / 0.25).argmax(dim=1)[0].to(torch.uint8)
Image.fromarray(mask.numpy()).save(image + ".mask.png")
"""


def main() -> None:
    parser = bare.options(__doc__)
    parser.set_defaults(size=(128, 256))
    parser.add_argument("--models", nargs="+", default=["Unet/mobilenet_v2/0.5"])
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--streams", type=int, help="by default what `segexp predict` takes")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    compute = choose_compute(given.precision)
    streams = given.streams or stream_count(given.images, BATCH_SIZE)
    mapping = load_mapping(MAPPINGS / "cityscapes19.yaml")
    print(f"{setting(compute, 'opencv-python-headless', 'pillow')}; {given.threads} threads.")
    print(f"{given.images} images, medians of {given.repeats} (smallest to largest).\n")
    print("| model | alone, images/s | in streams | segexp | of the faster | goal ", end="")
    print("| processor ms an image: streams | segexp | peak MiB: alone | segexp, half | all |")
    print("|" + 11 * "---|")
    differences, singles = [], []
    with tempfile.TemporaryDirectory(prefix="segexp-") as folder:
        root = Path(folder)
        write_images(root / "in", given.images, given.size, mapping)
        for name in given.models:
            bundle = root / name.replace("/", "-")
            save(bundle, name, given.size, mapping)
            runs = Runs(bundle, root, compute, streams, mapping)
            differences += [f"{name}: {d}" for d in runs.print_row(name, given.repeats)]
            singles.append(single_row(name, bundle, root, given.repeats))
        print("\n| model | torch and smp, s | `segexp predict`, s | ratio | goal |")
        print("|" + 5 * "---|")
        for row, same in singles:
            print(row)
            differences += [] if same > SAME_PIXELS else [f"{row}: one image: {same:.4f} the same"]
    if differences:
        sys.exit("the sides do not compute the same: " + "; ".join(differences))


class Runs:
    """The sides of the first table, over one model and one folder of images."""

    def __init__(
        self, bundle: Path, root: Path, compute: Compute, streams: int, mapping: Mapping
    ) -> None:
        self.compute, self.streams, self.mapping = compute, streams, mapping
        self.preprocessing = load_bundle(bundle).preprocessing
        self.model: nn.Module = compute.place(load_bundle(bundle).model)
        self.files, self.out = find_images([root / "in"]), root / "out"
        self.batches = -(-len(self.files) // BATCH_SIZE)
        self.batch = self.preloaded(0)

    def print_row(self, name: str, repeats: int) -> list[str]:
        """Measure, print a row of the table, and return what the sides computed differently."""
        peaks = []
        for warm_up in (self.alone, partial(self.segexp, len(self.files) // 2), self.segexp):
            warm_up()
            peaks.append(f"{bare.peak_mib(self.compute):.0f}")
        sides: tuple[Callable[[], None], ...] = (self.alone, self.in_streams, self.segexp)
        speeds: tuple[list[float], ...] = ([], [], [])
        work: tuple[list[float], ...] = ([], [], [])
        for _ in range(repeats):
            for place, side in enumerate(sides):
                begun, worked = time.perf_counter(), time.process_time()
                side()
                speeds[place].append(len(self.files) / (time.perf_counter() - begun))
                work[place].append(1e3 * (time.process_time() - worked) / len(self.files))
        ratios = [own / max(others) for *others, own in zip(*speeds, strict=True)]
        reached = verdict(statistics.median(ratios) >= GOAL)
        row = [name, *map(spread, speeds), spread(ratios, 2), f"{GOAL}, {reached}"]
        print("|", " | ".join([*row, spread(work[1]), spread(work[2]), *peaks]), "|", flush=True)
        return self.differences()

    def preloaded(self, place: int) -> torch.Tensor:
        """Return a batch of the images, normalised, where the model is."""
        files = self.files[place * BATCH_SIZE :][:BATCH_SIZE]
        images = torch.from_numpy(np.stack([read_rgb(file.path) for file in files]))
        return self.compute.send(self.preprocessing.normalize(images.permute(0, 3, 1, 2)))

    @torch.inference_mode()
    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """Run the model once."""
        with self.compute.autocast():
            logits: torch.Tensor = self.model(batch)
        return logits

    def alone(self) -> None:
        """Run the model on one batch, as often as there are batches, on all threads."""
        for _ in range(self.batches):
            logits = self.forward(self.batch)
        float(logits.sum())  # waits for the device

    def in_streams(self) -> None:
        """Do the same in several threads at a time."""
        threads = torch.get_num_threads()
        part = max(1, threads // self.streams)
        with ThreadPoolExecutor(
            self.streams, initializer=torch.set_num_threads, initargs=(part,)
        ) as pool:
            sums = pool.map(lambda _: float(self.forward(self.batch).sum()), range(self.batches))
            list(sums)
        torch.set_num_threads(threads)

    def segexp(self, images: int | None = None) -> None:
        """Predict the files, or the first of them, into files."""
        found = predict_masks(
            self.model,
            self.preprocessing,
            self.compute,
            self.files[:images],
            BATCH_SIZE,
            streams=self.streams,
        )
        for _ in write_predictions(self.out, found, self.mapping):
            pass

    def differences(self) -> list[str]:
        """Compare the masks of the first and the last batch with what the model alone decides."""
        same = []
        for place in (0, self.batches - 1):
            expected = self.forward(self.preloaded(place)).argmax(dim=1).cpu().numpy()
            for file, mask in zip(self.files[place * BATCH_SIZE :], expected, strict=False):
                written = np.asarray(Image.open(self.out / f"{file.stem}_mask.png"))
                same.append(float((written == mask).mean()))
        shutil.rmtree(self.out)
        return [] if min(same) > SAME_PIXELS else [f"{min(same):.4f} of a mask's pixels the same"]


def single_row(name: str, bundle: Path, root: Path, repeats: int) -> tuple[str, float]:
    """Time one image by both sides, each in its own process; return how many pixels agree."""
    arch, encoder, width = name.split("/")
    image, out = root / "one.png", root / "one"
    shutil.copy(next((root / "in").iterdir()), image)
    options = repr(decoder_channels(arch, float(width)))
    weights = next(bundle.glob("*.safetensors"))
    script = ["-c", SINGLE, arch, encoder, str(weights), str(image), options]
    command = ["-m", "segexp", "predict", str(bundle), str(image), "--out", str(out)]
    command += ["--precision", "fp32"]
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats + 1):
        for place, side in enumerate((script, command)):
            begun = time.perf_counter()
            subprocess.run([sys.executable, *side], check=True, stderr=subprocess.PIPE)
            times[place].append(time.perf_counter() - begun)
    ratio = statistics.median(times[1][1:]) / statistics.median(times[0][1:])
    masks = [np.asarray(Image.open(p)) for p in (f"{image}.mask.png", out / "one_mask.png")]
    cells = [name, spread(times[0][1:], 2), spread(times[1][1:], 2), f"{ratio:.2f}"]
    cells += [f"{SINGLE_GOAL}, {verdict(ratio < SINGLE_GOAL)}"]
    return f"| {' | '.join(cells)} |", float((masks[0] == masks[1]).mean())


def save(bundle: Path, name: str, size: tuple[int, int], mapping: Mapping) -> None:
    arch, encoder, width = name.split("/")
    model = bare.make(name, Compute(torch.device("cpu"), bf16=False, channels_last=False))
    preprocessing = Preprocessing(size, *STATISTICS)
    save_bundle(bundle, Bundle(arch, encoder, float(width), mapping, preprocessing, {}, {}, model))


def write_images(
    folder: Path, count: int, size: tuple[int, int], mapping: Mapping, drawn: int = 24
) -> None:
    source = open_source("synthetic", None, mapping.taxonomy, SyntheticCounts(drawn, 1, 1, 0, size))
    images: Sequence[np.ndarray] = [source.read_image(s) for s in source.splits["train"]]
    folder.mkdir()
    for n in range(count):
        Image.fromarray(np.roll(images[n % drawn], n, axis=1)).save(folder / f"{n:05d}.png")


if __name__ == "__main__":
    main()
