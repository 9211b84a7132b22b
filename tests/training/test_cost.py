import timm
import torch
from torch import Tensor, nn

from segexp.training.compute import Compute
from segexp.training.cost import count_macs, measure_cost

ON_CPU = Compute(torch.device("cpu"), bf16=False, channels_last=True)


class TwoLayers(nn.Module):
    """A 3x3 convolution, a depthwise one, and dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8, stride=2)
        self.drop = nn.Dropout()

    def forward(self, images: Tensor) -> Tensor:
        return self.drop(self.depthwise(self.first(images)))


class ReadsAValue(TwoLayers):
    def forward(self, images: Tensor) -> Tensor:
        assert float(images.sum()) != 1.0
        return super().forward(images)


# By hand, at 32x64: 8 * 32*64 outputs of 3 * 9 products each; 8 * 16*32 outputs of 9 products.
MACS = 8 * 32 * 64 * 27 + 8 * 16 * 32 * 9


def test_macs_are_the_products_of_every_output():
    assert count_macs(TwoLayers().eval(), (32, 64)) == MACS


def test_a_model_that_reads_values_is_run_on_some():
    assert count_macs(ReadsAValue().eval(), (32, 64)) == MACS


def test_macs_of_resnet18_are_those_that_torchvision_publishes():
    with torch.device("meta"):
        resnet18 = timm.create_model("resnet18").eval()
    with torch.no_grad():
        assert round(count_macs(resnet18, (224, 224)) / 1e9, 2) == 1.81  # its docs: GFLOPS 1.81


def test_a_cost_has_all_parameters_and_leaves_the_model_as_it_was():
    model = TwoLayers().train()
    before = torch.random.get_rng_state()
    threads = torch.get_num_threads()
    cost = measure_cost(model, (32, 64), ON_CPU)
    assert cost.parameters == (8 * 27 + 8) + (8 * 9 + 8)
    assert cost.macs == MACS
    assert cost.latency_ms > 0
    assert cost.measured_on == "cpu, fp32, channels_last, 1 thread"
    assert model.training and model.drop.training
    assert torch.equal(before, torch.random.get_rng_state())
    assert threads == torch.get_num_threads()
    assert model(torch.zeros(1, 3, 32, 64)).requires_grad


def test_a_larger_model_takes_longer():
    small, large = nn.Conv2d(3, 8, 3), nn.Conv2d(3, 8, 65, padding=32)
    costs = [measure_cost(model, (128, 128), ON_CPU) for model in (small, large)]
    assert costs[0].latency_ms < costs[1].latency_ms
