"""The library that evaluates Stan programs, as a process of its own calls it.

One shared object holds Stan's compiler, its functions and its sampler. Models are built and
evaluated through its BridgeStan interface (Roualdes et al., BridgeStan: efficient in-memory access
to the methods of a Stan model, JOSS 2023), which has names, messages and explicit random
generators; what that lacks here (inverse transforms, the sampler) comes from the library's own.
Nothing here may need more than the standard library: it is imported anew for every program.
"""

import ctypes
import json
from ctypes import byref, c_bool, c_char_p, c_double, c_int, c_uint, c_void_p
from typing import Any

#: The library's own interface must be this: its structures are read by their layout.
ABI = 2
#: Bytes of a message.
MESSAGE = 1 << 16
#: Bytes of data up to which a model is built twice: the library's own interface writes a row of
#: columns in a sixth of the time, and a large model spends its time elsewhere.
SMALL = 1 << 20


class ProgramError(Exception):
    """The library refuses; its message says why."""


class _ModelOptions(ctypes.Structure):
    _fields_ = (("seed", ctypes.c_uint32), ("threads", c_int), ("fast", c_int))


class Library:
    """The loaded shared object.

    Args:
        path: of it.

    Raises:
        ProgramError: it is of another version.
    """

    def __init__(self, path: str) -> None:
        self._c = c = ctypes.CDLL(path)
        if c.stanli_abi_version() != ABI:
            raise ProgramError("the installed version of stanli is not the one that this is for")
        pointers = ("stanli_stan_to_mir_with_opts", "stanli_model_new_with_opts")
        for name in (*pointers, "bs_model_construct", "bs_rng_construct"):
            getattr(c, name).restype = c_void_p
        for name in ("stanli_build_id", "bs_param_names", "bs_param_unc_names"):
            getattr(c, name).restype = c_char_p
        c.stanli_string_free.argtypes = [c_void_p]
        c.stanli_constrain.argtypes = [c_void_p, c_void_p, c_void_p]
        c.stanli_wa_row.argtypes = [c_void_p, c_void_p, c_void_p]
        c.bs_free_error_msg.argtypes = [c_void_p]
        c.bs_log_density_gradient.argtypes = [
            c_void_p, c_bool, c_bool, c_void_p, c_void_p, c_void_p, c_void_p
        ]  # fmt: skip
        c.bs_param_constrain.argtypes = [
            c_void_p, c_bool, c_bool, c_void_p, c_void_p, c_void_p, c_void_p
        ]  # fmt: skip
        self._build = c.stanli_build_id().decode()

    def translate(self, source: bytes) -> str:
        """Return a program as the compiler hands it on.

        Raises:
            ProgramError: it does not compile.
        """
        said = ctypes.create_string_buffer(MESSAGE)
        size = ctypes.c_size_t
        found = self._c.stanli_stan_to_mir_with_opts(
            source, (c_char_p * 0)(), size(0), 0, said, size(MESSAGE)
        )
        if not found:
            raise ProgramError(said.value.decode("utf-8", "replace"))
        try:
            text: bytes = ctypes.string_at(found)
            return text.decode()
        finally:
            self._c.stanli_string_free(found)

    def model(self, program: str, data: bytes, seed: int) -> "Model":
        """Return a translated program with its data, a JSON object.

        Raises:
            ProgramError: they do not fit.
        """
        return Model(self._c, self._build, program, data, seed)


class Model:
    """A program with its data. Gradients may be asked for from several threads."""

    def __init__(self, c: Any, build: str, translated: str, data: bytes, seed: int) -> None:
        #: The shared object.
        self.c = c
        self._translated, self._data, self._seed = translated, data, seed
        manifest = json.dumps({"build_id": build, "mir": translated, "name": "model"}).encode()
        inner = data.strip()[1:-1]
        whole = b'{"__stanli":' + manifest + (b"," if inner.strip() else b"") + inner + b"}"
        with _Message(c) as said:
            built = c.bs_model_construct(whole, c_uint(seed), said.place)
            if not built:
                raise ProgramError(said.text())
        self._model = c_void_p(built)
        #: How many rows were begun.
        self.turns = 0
        #: `D`.
        self.dim: int = c.bs_param_unc_num(self._model)
        self._built: c_void_p | None = None
        self._random = self._generator()
        #: The columns of parameters, transformed parameters and generated quantities: `mu`,
        #: `theta.1`, `Sigma.2.1`, counted from 1.
        self.columns = [self._names(*flags) for flags in ((0, 0), (1, 0), (1, 1))]
        unconstrained = c.bs_param_unc_names(self._model).decode()
        #: The unconstrained coordinates' names, in order, named after their parameters.
        self.coordinates = unconstrained.split(",") if unconstrained else []

    @property
    def handle(self) -> c_void_p:
        """The model, for native code."""
        return self._model

    @property
    def gradient_address(self) -> int:
        """Where the function lies that evaluates it: `bs_log_density_gradient`."""
        found = ctypes.cast(self.c.bs_log_density_gradient, c_void_p).value
        assert found is not None
        return found

    def gradients(self, z: int, value: int, gradient: int, rows: range) -> None:
        """Write log densities and gradients, as `rows` of arrays of float64 at these addresses.

        A point that is refused has the log density -inf and no gradient.
        """
        call, model, step = self.c.bs_log_density_gradient, self._model, 8 * self.dim
        for row in rows:
            self.turns += 1
            at, into = z + step * row, gradient + step * row
            if call(model, True, True, at, value + 8 * row, into, None):
                c_double.from_address(value + 8 * row).value = -float("inf")
                ctypes.memset(into, 0, step)

    def reason(self, z: int) -> str:
        """Return why the point at an address is refused; empty where it is not."""
        value, gradient = c_double(), (c_double * max(self.dim, 1))()
        with _Message(self.c) as said:
            failed = self.c.bs_log_density_gradient(
                self._model, True, True, z, byref(value), gradient, said.place
            )
            return said.text() if failed else ""

    def constrain(self, z: int, out: int, rows: range, alike: bool) -> None:
        """Write every column's value.

        Args:
            z: address of points.
            out: address of rows of columns. Where a quantity cannot be computed, all that are no
                parameters are NaN.
            rows: which.
            alike: whether every row sees the same random numbers; else each has its own.
        """
        counts = [len(names) for names in self.columns]
        # Without generated quantities there are no random numbers either.
        quick = self.own() if counts[2] == counts[1] and self._small else None
        for row in rows:
            self.turns += 1
            at, into = z + 8 * self.dim * row, out + 8 * counts[2] * row
            if alike and quick is None:
                self.c.bs_rng_destruct(self._random)
                self._random = self._generator()
            if self._write(quick, at, into):
                # Generated quantities fail where there is nothing to generate: a variance of 0.
                known = 0 if self.c.stanli_constrain(self.own(), at, into) else counts[0]
                _fill_nan(into + 8 * known, counts[2] - known)

    def _write(self, quick: c_void_p | None, at: int, into: int) -> int:
        """Write a row of all columns; not 0 where that fails."""
        if quick is not None:
            failed: int = self.c.stanli_wa_row(quick, at, into)
        else:
            model, random = self._model, self._random
            failed = self.c.bs_param_constrain(model, True, True, at, into, random, None)
        return failed

    def parameters(self, z: int, out: int, rows: range) -> None:
        """Write the parameters' values alone: rows as `columns[0]` has them.

        Args:
            z: address of points.
            out: address of the rows.
            rows: which.
        """
        count = len(self.columns[0])
        own = self.own() if self._small else None
        for row in rows:
            self.turns += 1
            at, into = z + 8 * self.dim * row, out + 8 * count * row
            if own is not None:
                failed = self.c.stanli_constrain(own, at, into)
            else:
                model, random = self._model, self._random
                failed = self.c.bs_param_constrain(model, False, False, at, into, random, None)
            if failed:
                _fill_nan(into, count)

    @property
    def _small(self) -> bool:
        return len(self._data) <= SMALL

    def unconstrain(self, values: bytes, out: int) -> None:
        """Write the point, `D` at an address, that has these parameters, a JSON object.

        Raises:
            ProgramError: they are none of its parameters'.
        """
        said = ctypes.create_string_buffer(MESSAGE)
        model = self.own()
        if self.c.stanli_unconstrain_inits(
            model, values, c_void_p(out), said, ctypes.c_size_t(MESSAGE)
        ):
            raise ProgramError(said.value.decode("utf-8", "replace"))

    def own(self) -> c_void_p:
        """Return the model as the library's own interface knows it, built at its first use.

        Raises:
            ProgramError: it cannot be built.
        """
        if self._built is None:
            said = ctypes.create_string_buffer(MESSAGE)
            options = _ModelOptions(self._seed, 1, 0)
            built = self.c.stanli_model_new_with_opts(
                self._translated.encode(),
                self._data,
                byref(options),
                said,
                ctypes.c_size_t(MESSAGE),
            )
            if not built:
                raise ProgramError(said.value.decode("utf-8", "replace"))
            self._built = c_void_p(built)
        return self._built

    def _generator(self) -> c_void_p:
        """Return a random generator at its start."""
        with _Message(self.c) as said:
            return c_void_p(self.c.bs_rng_construct(c_uint(self._seed), said.place))

    def _names(self, transformed: int, generated: int) -> list[str]:
        text = self.c.bs_param_names(self._model, c_bool(transformed), c_bool(generated)).decode()
        return text.split(",") if text else []


class _Message:
    """A place for the library to leave a message in."""

    def __init__(self, c: Any) -> None:
        self._c, self._pointer = c, c_char_p()
        self.place = byref(self._pointer)

    def __enter__(self) -> "_Message":
        return self

    def __exit__(self, *_: object) -> None:
        if self._pointer:
            self._c.bs_free_error_msg(self._pointer)

    def text(self) -> str:
        """Return the message, or its beginning: a program may write any number of numbers in it."""
        return (self._pointer.value or b"")[:MESSAGE].decode("utf-8", "replace")


def _fill_nan(address: int, count: int) -> None:
    if count > 0:
        (c_double * count).from_address(address)[:] = [float("nan")] * count
