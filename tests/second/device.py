"""A second torch device, in Python: what a GPU is to a program, on machines that have none.

A tensor on it holds one on the CPU, and every operation is done there, so numbers are the CPU's,
bit for bit. But it is another device: an operation on tensors of both is refused as on a GPU, and
so is NumPy. It shows where code forgets its device, and nothing of how fast a GPU is. See
`torch/utils/backend_registration.py` for backends in Python.

Torch counts its devices when the first gradient of a process is taken, so `install` comes before.
"""

import functools
from typing import Any

import torch
from torch import Tensor
from torch.utils import backend_registration
from torch.utils._pytree import tree_leaves, tree_map

NAME = "second"
#: What moves tensors from device to device, or compares what they are made of.
_BETWEEN = frozenset(
    f"aten::{name}"
    for name in (
        "_copy_from",
        "_has_same_storage_numel",
        "_to_copy",
        "copy_",
        "is_same_size",
        "set_.source_Tensor",
    )
)
#: Indices may lie on the host.
_INDEXING = ("aten::index", "aten::_index_put_impl_")
_LIBRARIES: list[torch.library.Library] = []


class Generator(torch.Generator):
    """The CPU's random numbers, on any device: a backend in Python cannot have its own."""

    def __new__(cls, device: Any = "cpu") -> "Generator":
        """Make one that says that it is of this device."""
        made: Generator = super().__new__(cls, "cpu")  # type: ignore[misc]
        made._device = torch.device(device)
        return made

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        """What was asked for."""
        return self._device


def install() -> torch.device:
    """Make the device known to this process, once; return it."""
    if not _LIBRARIES:
        backend_registration._setup_privateuseone_for_python_backend(NAME)
        library = torch.library.Library("aten", "IMPL")
        for name in torch._C._dispatch_get_all_op_names():
            if name.startswith("aten::") and _has_kernel(name):
                packet, _, overload = name.removeprefix("aten::").partition(".")
                op = getattr(getattr(torch.ops.aten, packet), overload or "default")
                library.impl(name.removeprefix("aten::"), _kernel(op), "PrivateUse1")
        _LIBRARIES.append(library)
    return torch.device(NAME)


def _has_kernel(name: str) -> bool:
    """Return whether an operation is more than a name for others."""
    has = torch._C._dispatch_has_kernel_for_dispatch_key
    on_cpu: bool = torch._C._dispatch_has_computed_kernel_for_dispatch_key(name, "CPU")
    return on_cpu and not has(name, "CompositeImplicitAutograd")


def _kernel(op: Any) -> Any:
    return functools.partial(_carry_out, op)


def _carry_out(op: Any, *args: Any, **kwargs: Any) -> Any:
    """Carry an operation out on what its tensors hold."""
    # Tensors of inference mode cannot be wrapped.
    with torch.inference_mode(False), torch.no_grad():
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        _refuse_mixture(op, tensors)
        given_args, given_kwargs = tree_map(_held, (args, kwargs))
        match op.name():
            case "aten::_copy_from":
                given_args[1].copy_(given_args[0])
                return args[1]
            case "aten::_local_scalar_dense":
                return given_args[0].item()
            case "aten::view":
                # What is held may be laid out in another way than its wrapper says.
                return _wrapped(given_args[0].reshape(given_args[1]))
        found = op(*given_args, **given_kwargs)
        wrappers = {id(_held(tensor)): tensor for tensor in tensors}
        leaves = kwargs.get("device") not in (None, torch.device(NAME), torch.device(NAME, 0))
        return tree_map(lambda part: _returned(part, wrappers, leaves), found)


def _refuse_mixture(op: Any, tensors: list[Tensor]) -> None:
    name = op.name()
    if name in _BETWEEN or name.startswith(_INDEXING):
        return
    devices = {tensor.device.type for tensor in tensors if tensor.dim() > 0}
    if len(devices) > 1:
        raise RuntimeError(f"{name}: expected all tensors to be on the same device, got {devices}")


def _held(part: Any) -> Any:
    """Return what a tensor of this device holds, the CPU for the device, others as they are."""
    if isinstance(part, Tensor):
        return part._held if part.device.type == NAME else part  # type: ignore[attr-defined]
    if isinstance(part, torch.device) and part.type == NAME:
        return torch.device("cpu")
    return part


def _wrapped(held: Tensor) -> Tensor:
    wrapper: Tensor = torch._C._acc.create_empty_tensor(held.shape, held.dtype)
    wrapper._held = held  # type: ignore[attr-defined]
    return wrapper


def _returned(part: Any, wrappers: dict[int, Tensor], leaves: bool) -> Any:
    if not isinstance(part, Tensor):
        return part
    wrapper = wrappers.get(id(part))
    if wrapper is not None:
        # An operation in place, perhaps on the shape.
        if wrapper.shape != part.shape:
            wrapper.data = _wrapped(part)
        return wrapper
    return part if leaves else _wrapped(part)
