"""Which architectures run on which encoders, as a table for docs/models.md.

python benchmarks/model_pairs.py                          # some minutes
python benchmarks/model_pairs.py resnet50 tu-convnext_base --image-size 256x512

Every pair is built and run once by `segexp.training.network_check`, as before a study. A cell is
`yes`, or the number of the reason below the table.
"""

import argparse
import sys
import tempfile
import time
import warnings
from pathlib import Path

from segexp.training.network import ARCHS
from segexp.training.network_check import check_pairs

# A small one of each family.
OF_SMP = (
    "resnet18 resnext50_32x4d se_resnet50 senet154 densenet121 dpn68 vgg11_bn inceptionv4 "
    "inceptionresnetv2 xception efficientnet-b0 timm-efficientnet-b0 mobilenet_v2 mobileone_s0 "
    "mit_b0"
)
OF_TIMM = (
    "resnet18 resnetv2_50 res2net50_14w_8s resnest14d regnety_002 nfnet_f0 cspresnet50 dla34 "
    "densenet121 vgg11 hrnet_w18_small inception_v3 xception41 efficientnet_b0 "
    "mobilenetv3_small_100 mnasnet_050 ghostnet_100 repvgg_a0 repvit_m0_9 rexnet_100 selecsls42 "
    "tresnet_m vovnet39a hgnetv2_b0 mobileone_s0 halonet26t convnext_atto convnextv2_atto "
    "inception_next_tiny mambaout_femto starnet_s1 edgenext_xx_small fastvit_t8 mobilevit_xxs "
    "mobilevitv2_050 efficientvit_b0 efficientvit_m0 efficientformer_l1 efficientformerv2_s0 "
    "swiftformer_xs poolformer_s12 pvt_v2_b0 twins_svt_small swin_tiny_patch4_window7_224 "
    "swinv2_tiny_window8_256 swinv2_cr_tiny_224 coatnet_pico_rw_224 maxvit_pico_rw_256 "
    "hiera_tiny_224 gcvit_xxtiny davit_tiny focalnet_tiny_srf nextvit_small mvitv2_tiny "
    "tiny_vit_5m_224 levit_128s vit_tiny_patch16_224 deit_tiny_patch16_224 "
    "beit_base_patch16_224 xcit_nano_12_p16_224 cait_xxs24_224 visformer_tiny convmixer_768_32 "
    "mixer_s16_224"
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("encoders", nargs="*")
    parser.add_argument("--image-size", default="128x256")
    given = parser.parse_args()
    height, width = map(int, given.image_size.split("x"))
    encoders = given.encoders or [*OF_SMP.split(), *(f"tu-{name}" for name in OF_TIMM.split())]
    pairs = [(arch, encoder) for encoder in encoders for arch in ARCHS.values()]
    warnings.simplefilter("ignore")
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        verdicts = check_pairs(pairs, (height, width), Path(directory) / "models.json")
    seconds = time.monotonic() - started
    reasons: dict[str, int] = {}
    print(f"| encoder | {' | '.join(ARCHS.values())} |")
    print(f"|---|{'---|' * len(ARCHS)}")
    for encoder in encoders:
        cells = []
        for arch in ARCHS.values():
            refused = verdicts[arch, encoder].refused
            number = reasons.setdefault(refused, len(reasons) + 1) if refused else None
            cells.append(f"{number}" if number else "yes")
        print(f"| `{encoder}` | {' | '.join(cells)} |")
    print()
    for reason, number in reasons.items():
        print(f"{number}. {reason}")
    runs = sum(verdict.refused is None for verdict in verdicts.values())
    print(f"\n{runs} of {len(pairs)} pairs run at {height}x{width}.")
    print(f"{len(pairs)} pairs in {seconds:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
