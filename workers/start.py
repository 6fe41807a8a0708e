"""Where a run starts: where an earlier attempt was lost, where another job ended, or anew."""

from typing import Any

import torch

from models.density import AbstractLogDensity
from workers.checkpoints.checkpoint import Checkpoint
from workers.checkpoints.errors import PacketError
from workers.checkpoints.keeper import Keeper
from workers.checkpoints.packet import peek, unpack
from workers.dispatch.task import Origin, Task
from workers.engines.engine import EngineOptions
from workers.engines.kernels.continuation import extended, learnt, warm
from workers.engines.kernels.crowd import CrowdState
from workers.engines.kernels.options import AbstractSamplerOptions
from workers.engines.kernels.sampler import SamplerState
from workers.errors import WorkerError
from workers.store.artifacts import STATE, Artifacts
from workers.store.draws import ArrowSink
from workers.store.errors import ArtifactNotFoundError


class OriginLostError(WorkerError):
    """What the other job had kept is not there any more."""

    kind = "origin-lost"


def find_start(
    task: Task,
    options: EngineOptions,
    density: AbstractLogDensity,
    artifacts: Artifacts,
    sink: ArrowSink,
    keeper: Keeper,
) -> Checkpoint | None:
    """Return where a run goes on from, with the draws made before in the sink; None: anew.

    Args:
        task: the attempt.
        options: of its engine, explicit.
        density: of its model.
        artifacts: where other attempts and jobs left theirs.
        sink: of the attempt, empty.
        keeper: finds the checkpoints of the attempts before.

    Raises:
        OriginLostError: the other job was deleted, or has other unknowns.
        NoInitialPointError: the other's chains ended where this density is not finite.
    """
    found = keeper.latest(density.device)
    if found is not None or task.origin is None:
        return found
    assert isinstance(options, AbstractSamplerOptions)
    state, written = _kept(artifacts, task.origin, density.device)
    if state.point.z.shape[1] != density.dim:
        raise OriginLostError(f"Job {task.origin.job} has other unknowns than this one.")
    crowd = options.kind == "chees"  # type: ignore[attr-defined]
    if task.origin.use == "warm_start":
        generator = torch.Generator(density.device).manual_seed(task.seed)
        return Checkpoint(0, warm(options, density, generator, learnt(state), crowd))
    if isinstance(state, CrowdState) is not crowd or not sink.adopt(task.origin.prefix, written):
        raise OriginLostError(_gone(task.origin))
    return Checkpoint(0, extended(options, state))


def _kept(
    artifacts: Artifacts, origin: Origin, device: torch.device
) -> tuple[SamplerState | CrowdState, tuple[int, int]]:
    key = f"{origin.prefix}/{STATE}"
    try:
        with artifacts.open_read(key) as file:
            draws, stats = peek(file)["written"]
        state: Any = unpack(artifacts.get(key), device)
    except (ArtifactNotFoundError, PacketError) as error:
        raise OriginLostError(_gone(origin)) from error
    if not isinstance(state, SamplerState | CrowdState):
        raise OriginLostError(_gone(origin))
    return state, (draws, stats)


def _gone(origin: Origin) -> str:
    return (
        f"What job {origin.job} had kept to go on from is not there any more, perhaps because it "
        "was deleted meanwhile; keep a job until those that go on from it have begun."
    )
