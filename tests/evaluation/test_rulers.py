"""Label spaces and logits made by hand, small enough to score on paper."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn

from segexp.core.errors import InputError
from segexp.evaluation.evaluate import evaluate
from segexp.evaluation.metrics import score
from segexp.evaluation.rulers import Ruler, decide, decide_all, make_ruler
from segexp.labels.mapping import MappedClass, Mapping
from segexp.labels.taxonomy import VOID, Label, Taxonomy
from segexp.training.class_weights import WEIGHTINGS
from segexp.training.compute import Compute
from segexp.training.preprocess import Preprocessing
from segexp.training.reading import Prior, Reading

CPU = Compute(torch.device("cpu"), bf16=False, channels_last=False)
PREPROCESSING = Preprocessing((1, 4), (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))


def space(name: str, taxonomy: Taxonomy, *classes: str) -> Mapping:
    """A mapping whose classes are given as their labels, joined with ``+``."""
    return Mapping(
        name, taxonomy, tuple(MappedClass(c, (0, 0, 0), tuple(c.split("+"))) for c in classes)
    )


ABC = Taxonomy(
    "abc",
    tuple(Label(name, (i, i, i)) for i, name in enumerate("abc")),
    {"default": {0: 0, 1: 1, 2: 2, 255: VOID}},
)
A_B_C = space("fine", ABC, "a", "b", "c")
AB_C = space("coarse", ABC, "a+b", "c")
A_B = space("without_c", ABC, "a", "b")


class Fixed(nn.Module):
    """Gives the same logits for every image."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, images: Tensor) -> Tensor:
        return self.logits.expand(len(images), -1, -1, -1)


def fixed(*probabilities: Sequence[float]) -> Fixed:
    """A model of one row of pixels, each with its class probabilities."""
    return Fixed(torch.tensor(probabilities).T[None, :, None].log())


def one_row(*labels: int) -> tuple[Tensor, Tensor]:
    return torch.zeros(1, 3, 1, len(labels), dtype=torch.uint8), torch.tensor([[labels]]).byte()


def confusion(model: nn.Module, batch: tuple[Tensor, Tensor], ruler: Ruler) -> list[list[int]]:
    evaluation = evaluate(
        model, [batch], ["x"], {"r": ruler}, preprocessing=PREPROCESSING, compute=CPU
    )
    return evaluation.confusions["r"][0].tolist()


def test_argmax_and_sum_decide_differently_where_merged_classes_share_the_probability():
    # a 0.3, b 0.3, c 0.4: c alone is the largest, a and b together are larger.
    model = fixed([0.3, 0.3, 0.4], [0.2, 0.1, 0.7])
    batch = one_row(0, 2)
    assert confusion(model, batch, make_ruler(A_B_C, AB_C, "argmax")) == [[0, 1, 0], [0, 1, 0]]
    assert confusion(model, batch, make_ruler(A_B_C, AB_C, "sum")) == [[1, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize("rule", ["argmax", "sum"])
def test_a_class_that_falls_into_none_can_be_predicted_and_is_wrong(rule):
    model = fixed([0.1, 0.2, 0.7], [0.8, 0.1, 0.1], [0.1, 0.7, 0.2], [0.1, 0.7, 0.2])
    ruler = make_ruler(A_B_C, A_B, rule)
    # The third pixel is c: void here, whatever is predicted.
    batch = one_row(0, 0, 2, 1)
    assert confusion(model, batch, ruler) == [[1, 0, 1], [0, 1, 0]]
    evaluation = evaluate(
        model, [batch], ["x"], {"r": ruler}, preprocessing=PREPROCESSING, compute=CPU
    )
    scores = score(evaluation.confusion("r"))
    assert scores.iou.tolist() == [0.5, 1.0]
    assert scores.pixel_accuracy == 2 / 3


STREET = Taxonomy(
    "street",
    tuple(Label(n, (0, 0, 0)) for n in ("person", "rider", "pole", "bicycle")),
    {"default": {0: 0, 1: 1, 2: 2, 3: 3, 255: VOID}},
)


@pytest.mark.parametrize("coarse", [("person",), ("person+rider",)])
def test_a_label_that_is_left_out_does_not_lend_its_probability_to_another_one(
    coarse: tuple[str, ...],
):
    # Person 0.4, pole 0.3, bicycle 0.3: neither of the two is likelier than a person, and what
    # they have together says nothing.
    fine = space("fine", STREET, "person", "rider", "pole", "bicycle")
    model = fixed([0.4, 1e-9, 0.3, 0.3], [0.3, 1e-9, 0.3, 0.4], [0.25, 0.2, 0.15, 0.4])
    ruler = make_ruler(fine, space("coarse", STREET, *coarse), "sum")
    # In the third pixel person and rider have 0.45 together.
    merged = coarse == ("person+rider",)
    found = confusion(model, one_row(0, 0, 0), ruler)
    assert found == ([[2, 1]] if merged else [[1, 2]])


def weighted(weighting: str, pixels: Sequence[int]) -> Reading:
    return Reading(prior=Prior(weighting, tuple(pixels), (sum(pixels),) * len(pixels)))


def test_a_class_of_two_labels_has_the_weight_of_one_class_and_not_of_two():
    # Of 100 pixels 80 are a, 10 b, 10 c. By the inverse frequency b and c weigh 8 times as much as
    # a: where an image says nothing, each has a third, and b+c two thirds. A model of a and b+c
    # that is weighted so (20 of 100) says 1/2 and 1/2 there. So at q = (0.4, 0.3, 0.3) it says
    # 0.4 : 0.3 by its own weights, and decides a; the plain sum says 0.4 : 0.6.
    a_bc = space("coarse", ABC, "a", "b+c")
    model, batch = fixed([0.4, 0.3, 0.3], [0.3, 0.4, 0.3]), one_row(0, 1)
    plain = make_ruler(A_B_C, a_bc, "sum")
    assert confusion(model, batch, plain) == [[0, 1, 0], [0, 1, 0]]
    read = make_ruler(A_B_C, a_bc, "sum", weighted("inverse_frequency", [80, 10, 10]))
    assert confusion(model, batch, read) == [[1, 0, 0], [0, 1, 0]]


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.integers(1, 10_000), min_size=3, max_size=3),
    st.sampled_from(tuple(WEIGHTINGS)),
    st.floats(0.2, 5),
    st.booleans(),
    st.integers(0, 9),
)
def test_where_nothing_is_merged_sum_decides_as_argmax_however_a_model_is_read(
    pixels: list[int], weighting: str, temperature: float, one_vs_rest: bool, seed: int
):
    reading = Reading(temperature, one_vs_rest, weighted(weighting, pixels).prior)
    logits = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(seed)) * 4
    for coarse in (A_B_C, A_B):
        by_sum, by_argmax = (make_ruler(A_B_C, coarse, rule, reading) for rule in ("sum", "argmax"))
        assert torch.equal(decide(logits, by_sum), decide(logits, by_argmax))
        assert not by_sum.competitors[2].any()  # nor is the weight of a class another one


@pytest.mark.parametrize("rule", ["argmax", "sum"])
def test_only_scored_pixels_count_of_a_class_that_mixes_scored_and_void_labels(rule):
    # The model was trained with a and c as one class; the space scores a and leaves c out.
    fine = space("mixed", ABC, "a+c", "b")
    model = fixed([0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.9, 0.1])
    batch = one_row(0, 2, 2, 1)
    assert confusion(model, batch, make_ruler(fine, A_B, rule)) == [[1, 0, 0], [1, 0, 0]]
    assert confusion(model, batch, make_ruler(fine, fine, rule)) == [[2, 1, 0], [1, 0, 0]]


@pytest.mark.parametrize("rule", ["argmax", "sum"])
def test_unlabelled_pixels_that_a_class_lists_count_in_its_own_space_only(rule):
    fine = space("background", ABC, "a", "b", "c+void")
    model = fixed([0.1, 0.1, 0.8], [0.8, 0.1, 0.1])
    batch = one_row(VOID, 0)
    own = confusion(model, batch, make_ruler(fine, fine, rule))
    assert own == [[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0]]
    assert confusion(model, batch, make_ruler(fine, A_B, rule)) == [[1, 0, 0], [0, 0, 0]]


def test_a_space_that_does_not_coarsen_the_mapping_is_refused():
    with pytest.raises(InputError, match="scores of coarse cannot be given in fine"):
        make_ruler(AB_C, A_B_C)


def test_a_ruler_knows_whether_it_merges():
    assert not make_ruler(A_B_C, A_B_C).merges
    assert not make_ruler(A_B_C, A_B).merges
    assert make_ruler(A_B_C, AB_C).merges
    fine = space("fine", STREET, "person", "rider", "pole", "bicycle")
    assert not make_ruler(fine, space("two_left_out", STREET, "person", "rider")).merges


@st.composite
def rulers_and_decisions(draw: st.DrawFn) -> tuple[Ruler, NDArray[np.int64]]:
    num_fine = draw(st.integers(2, 6))
    num_coarse = draw(st.integers(1, num_fine))
    columns = draw(st.lists(st.integers(0, num_coarse), min_size=num_fine, max_size=num_fine))
    coarse = space("coarse", ABC, *"abcdef"[:num_coarse])
    truth = torch.zeros(256, dtype=torch.uint8)
    decisions = draw(st.lists(st.integers(0, num_fine - 1), min_size=1, max_size=12))
    return Ruler(coarse, truth, torch.tensor(columns), "sum"), np.array(decisions)


@settings(deadline=None, max_examples=60)
@given(rulers_and_decisions())
def test_sum_equals_argmax_where_one_class_has_all_the_probability(case):
    ruler, decisions = case
    probabilities = np.eye(len(ruler.columns), dtype=np.float32)[decisions]
    logits = torch.from_numpy(probabilities.T[None, :, None].copy()).log()
    by_argmax = Ruler(ruler.space, ruler.truth, ruler.columns, "argmax")
    expected = ruler.columns.numpy()[decisions]
    assert decide(logits, ruler).flatten().tolist() == expected.tolist()
    assert decide(logits, by_argmax).flatten().tolist() == expected.tolist()


def test_several_rulers_decide_together_as_each_does_alone():
    logits = torch.randn(3, 3, 5, 7, generator=torch.Generator().manual_seed(0))
    rulers = [
        make_ruler(A_B_C, A_B_C),
        make_ruler(A_B_C, AB_C, "sum"),
        make_ruler(A_B_C, AB_C, "argmax"),
        make_ruler(A_B_C, A_B, "sum"),
    ]
    for ruler, together in zip(rulers, decide_all(logits, rulers), strict=True):
        assert torch.equal(together, decide(logits, ruler))
        last = logits.contiguous(memory_format=torch.channels_last)
        assert torch.equal(together, decide(last, ruler))


def test_the_sum_rule_is_the_largest_sum_of_probabilities():
    logits = torch.randn(
        3, 3, 5, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    p = logits.softmax(dim=1)
    expected = torch.stack([p[:, 0] + p[:, 1], p[:, 2]], dim=1).argmax(dim=1)
    ruler = make_ruler(A_B_C, AB_C, "sum")
    assert torch.equal(decide(logits.float(), ruler), expected)
