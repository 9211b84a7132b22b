"""One training on several devices, by torch's DistributedDataParallel: they share each batch.

Each device has a process, called by its rank as torch does, with a copy of the model, and sees its
part of every batch (`segexp.data.shard`). Gradients are averaged over the ranks in every step, so
that the weights stay equal. Rank 0 alone judges what all have found, reports, saves and stops; the
others follow until it ends them (`segexp.study.other_ranks`). So nothing has to be voted on.

A loss that is a mean over pixels comes to that of the whole batch: each rank's counts by its valid
pixels (`segexp.training.accumulation.shares`). One that looks at a whole batch (Dice, Tversky,
Lovasz, the hardest pixels) is computed of each rank's part and then averaged in the same way.

On CUDA tensors travel by NCCL and Python objects by gloo, on a CPU all of it by gloo; over the
loopback interface alone, unless GLOO_SOCKET_IFNAME or NCCL_SOCKET_IFNAME name another.
"""

import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import psutil
import torch
import torch.distributed as dist
from timm.layers import convert_sync_batchnorm
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from segexp.core.errors import WorkError
from segexp.data.shard import Shard
from segexp.training.state_tensors import random_tensors

T = TypeVar("T")

PATIENCE = timedelta(days=7)
"""How long a rank waits for another one: rank 0 may wait for a database. A dead one is noticed
otherwise."""


class RankDiedError(WorkError):
    """Another rank's process has died; the training can go on from its checkpoint."""


@dataclass(eq=False)
class Ranks:
    """The ranks of one training, as one of them sees them. A single one has nobody to ask.

    All ranks must call the methods in the same order: each waits for the others.

    Attributes:
        rank: This process's, from 0.
        size: How many there are.
        random: At rank 0, the random states of the others after the last epoch, by rank.
    """

    rank: int = 0
    size: int = 1
    random: tuple[Mapping[str, Tensor], ...] = ()

    @property
    def shard(self) -> Shard:
        """What this rank takes of data."""
        return Shard(self.rank, self.size)

    def parallel(self, model: nn.Module) -> nn.Module:
        """Return what to run in place of a model so that its gradients are means over the ranks.

        Made anew for every epoch: it knows which parameters learn, and a resumed training then adds
        up in the same order. The model's weights and buffers become those of rank 0.
        """
        if self.size == 1:
            return model
        with warnings.catch_warnings():
            # torch 2.15 wants another argument, which earlier ones do not know.
            warnings.simplefilter("ignore", FutureWarning)
            return DistributedDataParallel(model, broadcast_buffers=False)

    def adding_up(self, network: nn.Module) -> AbstractContextManager[None]:
        """Keep a block's gradients of a `parallel` network here: a later backward sums them all."""
        if isinstance(network, DistributedDataParallel):
            return network.no_sync()
        return nullcontext()

    def summed(self, value: Tensor) -> Tensor:
        """Return the sum of all ranks' values, on its device; a single rank returns its own."""
        if self.size > 1:
            value = value.clone()
            dist.all_reduce(value)
        return value

    def even_out(self, model: nn.Module, average: nn.Module | None) -> None:
        """Give all ranks the mean of their running statistics, which saw their own images alone.

        Those of synchronised batch norms are equal already, and those of layers at rest.

        Args:
            average: Of the model, with the same buffers.
        """
        names = _own_statistics(model) if self.size > 1 else []
        if not names:
            return
        of_models = [dict(m.named_buffers()) for m in (model, average) if m is not None]
        buffers = [of_model[name] for of_model in of_models for name in names]
        means = self.summed(torch.cat([buffer.flatten() for buffer in buffers])) / self.size
        sizes = [buffer.numel() for buffer in buffers]
        for buffer, mean in zip(buffers, torch.split(means, sizes), strict=True):
            buffer.copy_(mean.view_as(buffer))

    def gathered(self, make: Callable[[], T]) -> list[T]:
        """Return at rank 0 what all ranks make, in their order; elsewhere nothing.

        Raises:
            WorkError: At rank 0, the first that a rank raised as it made its own.
        """
        if self.size == 1:
            return [make()]
        own: T | WorkError
        try:
            own = make()
        except WorkError as error:
            own = error
        found: list[Any] = [None] * self.size
        dist.gather_object(own, found if self.rank == 0 else None)
        if self.rank > 0:
            return []
        for one in found:
            if isinstance(one, WorkError):
                raise one
        return found

    def from_first(self, make: Callable[[], T]) -> T:
        """Return what rank 0 makes."""
        if self.size == 1:
            return make()
        made = [make() if self.rank == 0 else None]
        dist.broadcast_object_list(made)
        found: Any = made[0]
        return found  # type: ignore[no-any-return]

    def note_random(self) -> None:
        """Let rank 0 know the random states of the others, for its checkpoint."""
        if self.size > 1:
            self.random = tuple(self.gathered(random_tensors)[1:])


ALONE = Ranks()
"""The only rank of a training."""


def rest_unused(model: nn.Module, run: Callable[[nn.Module], Tensor]) -> None:
    """Let those parameters rest that a model does not ask for, so that no rank waits for them.

    Many an encoder of smp has some: a head of efficientnet, half of the stages below PSPNet. They
    get no gradient anywhere, so this changes no training.

    Args:
        run: Runs a copy of it in training mode, on images as they are trained on.
    """
    copy = deepcopy(model).train()
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices):
        todo = [run(copy).grad_fn]
    seen: set[Any] = set()
    while todo:
        node = todo.pop()
        if node is not None and node not in seen:
            seen.add(node)
            todo += [before for before, _ in node.next_functions]
    used = {id(node.variable) for node in seen if hasattr(node, "variable")}
    for own, copied in zip(model.parameters(), copy.parameters(), strict=True):
        own.requires_grad_(own.requires_grad and id(copied) in used)


def devices_fault(devices: int) -> str | None:
    """Say why one training cannot run on so many devices of this machine; None if it can."""
    what = f"training.devices: {devices}"
    if devices == 1:
        return None
    if not dist.is_available():
        return f"{what}; this torch is built without torch.distributed: set it to 1"
    if torch.cuda.is_available():
        count = torch.cuda.device_count()
        if devices > count:
            return (
                f"{what}; this machine has {count} CUDA device{'s'[: count != 1]}: set it to "
                f"{count}{' or less' if count > 1 else ''}"
            )
    elif torch.backends.mps.is_available():
        return f"{what}; this machine has one device, MPS: set it to 1"
    return None


def shares_statistics(devices: int) -> bool:
    """Whether batch norm sees a whole batch on several devices, and not each device its part."""
    return devices > 1 and torch.cuda.is_available()


def with_shared_statistics(model: nn.Module, devices: int) -> nn.Module:
    """Return a model whose batch norms see the whole batch, where `shares_statistics`.

    torch's SyncBatchNorm, which exists on CUDA alone; weights and names of the state stay.
    """
    if not shares_statistics(devices):
        return model
    converted: nn.Module = convert_sync_batchnorm(model)
    return converted


@contextmanager
def joined(ranks: Ranks, store: Path) -> Iterator[None]:
    """Connect the ranks during the block; all enter it at about the same time.

    Args:
        store: A new file, by which they find each other.
    """
    for library in ("GLOO", "NCCL"):
        os.environ.setdefault(f"{library}_SOCKET_IFNAME", _loopback())
    dist.init_process_group(
        "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo",
        store=dist.FileStore(str(store), ranks.size),  # type: ignore[attr-defined]
        rank=ranks.rank,
        world_size=ranks.size,
        timeout=PATIENCE,
    )
    try:
        yield
    except BaseException:
        # Others may be dead, or in the middle of something else.
        with suppress(Exception):
            abort()
        raise
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def abort() -> None:
    """Let whatever waits for another rank fail, in whichever thread it is.

    By gloo it fails by itself when the other one dies; a kernel of NCCL would wait for ever.
    """
    if torch.cuda.is_available() and dist.is_initialized():
        group: Any = dist.group.WORLD
        group._get_backend(torch.device("cuda")).abort()


def _own_statistics(model: nn.Module) -> list[str]:
    """Return the names of a model's running means and variances that follow this rank's images."""
    return [
        f"{name}.{statistic}"
        for name, module in model.named_modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm)
        and not isinstance(module, nn.SyncBatchNorm)
        and module.training
        and module.running_mean is not None
        for statistic in ("running_mean", "running_var")
    ]


def _loopback() -> str:
    """Return the name of the interface that reaches this machine alone."""
    found = psutil.net_if_addrs().items()
    return next((name for name, all_ in found if any(a.address == "127.0.0.1" for a in all_)), "lo")
