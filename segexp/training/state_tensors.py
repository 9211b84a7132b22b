"""What a training changes, as named tensors: weights, an optimizer's moments, random states."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn


def above(prefix: str, model: nn.Module | None) -> dict[str, Tensor]:
    """Return a model's tensors with a prefix to their names; none without a model."""
    state = {} if model is None else model.state_dict()
    return {prefix + name: value for name, value in state.items()}


def below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with a prefix, without it, sorted by name."""
    found = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    return dict(sorted(found.items()))


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return an optimizer's moments: ``optimizer.NUMBER.KEY`` of each parameter, by its place."""
    return {
        f"optimizer.{number}.{key}": value
        for number, values in optimizer.state_dict()["state"].items()
        for key, value in values.items()
        if isinstance(value, Tensor)
    }


def optimizer_state(
    optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]
) -> dict[Tensor, dict[str, Tensor]]:
    """Read what `optimizer_tensors` returned, for `torch.optim.Optimizer.state`.

    Raises:
        LookupError: When it is of an optimizer with more parameters.
        ValueError: When a name is not of this form.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[Tensor, dict[str, Tensor]] = {}
    for name, value in below("optimizer.", tensors).items():
        number, _, key = name.partition(".")
        parameter = parameters[int(number)]
        if value.shape == parameter.shape:
            # In the parameter's own memory format: fused optimizers read both in step.
            value = torch.zeros_like(parameter, dtype=value.dtype).copy_(value)  # noqa: PLW2901
        elif parameter.is_cuda:
            value = value.to(parameter.device)  # noqa: PLW2901
        state.setdefault(parameter, {})[key] = value
    return state


def random_tensors() -> dict[str, Tensor]:
    """Return torch's random states, which dropout draws from. Data is drawn from seeds alone."""
    states = {"random.cpu": torch.get_rng_state()}
    if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        states["random.cuda"] = torch.cuda.get_rng_state()
    return states


def random_of_others(others: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the random states of the ranks from 1 on, as ``random.RANK.DEVICE``."""
    return {
        name.replace("random.", f"random.{rank}."): state
        for rank, states in enumerate(others, start=1)
        for name, state in states.items()
    }


def random_of(tensors: Mapping[str, Tensor], rank: int) -> dict[str, Tensor]:
    """Return what `random_tensors` returned in a rank.

    Raises:
        LookupError: When it is not among the tensors.
    """
    prefix = f"random.{rank}." if rank else "random."
    names = ("random.cpu", "random.cuda")
    found = {name: tensors.get(name.replace("random.", prefix)) for name in names}
    if found["random.cpu"] is None:
        raise LookupError(f"no random state of rank {rank}")
    return {name: state for name, state in found.items() if state is not None}


def set_random(tensors: Mapping[str, Tensor]) -> None:
    """Take over what `random_tensors` returned."""
    torch.set_rng_state(tensors["random.cpu"])
    if "random.cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random.cuda"])
