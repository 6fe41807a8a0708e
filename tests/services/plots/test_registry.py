"""Every kind of plot: whole SVG, the same twice, small, its names as they are, no traces left."""

import subprocess
import sys
import threading
import time
from html import unescape
from typing import get_args
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from services.errors import BusyError, ConflictError
from services.plots import Kind, figure
from services.plots.figure import DIVERGENT, render
from services.plots.registry import PLOTS
from services.plots.subject import Elbo, Entry, Subject

MEGABYTE = 1_000_000
ELBO = Elbo([10, 20, 30], [-9.0, float("nan"), -3.5], -3.5, 0.1, 0.4)


def subject(
    entries: int = 3,
    chains: int = 4,
    draws: int = 60,
    *,
    names: tuple[str, ...] = (),
    odd: float = 0.05,
) -> Subject:
    """A job that has everything."""
    generator = np.random.default_rng(3)
    shown = [
        Entry(
            names[n] if names else f"theta[{n}]",
            generator.normal(n, 1 + n, size=(chains, draws)),
            1.0 + 0.004 * n,
            800.0,
        )
        for n in range(entries)
    ]
    return Subject(
        engine="nuts",
        entries=shown,
        among=entries,
        divergent=generator.uniform(size=(chains, draws)) < odd,
        energy=generator.normal(size=(chains, draws)),
        e_bfmi=[0.9, None] * (chains // 2),
        elbo=ELBO,
    )


def comments(svg: bytes) -> list[str]:
    """The texts of a picture: Matplotlib writes each beside its outline."""
    parser = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
    root = ElementTree.fromstring(svg, parser=parser)
    return [unescape(c.text or "").strip() for c in root.iter() if c.tag is ElementTree.Comment]


def test_there_is_a_plot_of_every_kind() -> None:
    assert set(PLOTS) == set(get_args(Kind))
    assert {kind: plot.most for kind, plot in PLOTS.items() if plot.most != 20} == {
        "elbo": 0,
        "pair": 8,
        "energy": 0,
    }


@pytest.mark.parametrize("kind", PLOTS)
def test_a_plot_is_svg_the_same_twice_and_leaves_no_settings(kind: Kind) -> None:
    before = dict(mpl.rcParams)
    svg = PLOTS[kind].svg(subject())
    assert ElementTree.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
    assert svg == PLOTS[kind].svg(subject())
    assert dict(mpl.rcParams) == before
    assert b"<dc:date>" not in svg


def test_plots_in_threads_are_those_of_one_after_another() -> None:
    kinds: list[Kind] = ["rank", "posterior", "energy", "trace"]
    wanted = {kind: PLOTS[kind].svg(subject()) for kind in kinds}
    found: dict[str, bytes] = {}

    def make(kind: Kind) -> None:
        found[kind] = PLOTS[kind].svg(subject())

    threads = [threading.Thread(target=make, args=(kind,)) for kind in kinds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == wanted


def test_a_crowd_of_requests_is_sent_away() -> None:
    drawing, done = threading.Event(), threading.Event()

    def slow(what: Subject) -> Figure:
        drawing.set()
        done.wait(60)
        return Figure()

    threads = [threading.Thread(target=render, args=(slow, subject())) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert drawing.wait(60)
    while figure._WAITING._value:  # type: ignore[attr-defined]
        time.sleep(0.01)
    try:
        with pytest.raises(BusyError, match="try again"):
            render(slow, subject())
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert PLOTS["energy"].svg(subject())


@pytest.mark.parametrize("kind", ["trace", "pair"])
def test_names_are_shown_as_they_are(kind: Kind) -> None:
    # No name that the service takes has such characters; what draws them does not rely on it.
    names = ("a_b$x^2$", "<b>&amp;</b>", r"\frac{1}{0}$")
    texts = comments(PLOTS[kind].svg(subject(names=names)))
    for name in names:
        assert name in texts


@pytest.mark.parametrize(
    ("r_hat", "ess", "bad"),
    [(1.0, 400.0, False), (1.02, 900.0, True), (1.0, 399.0, True), (None, None, False)],
)
def test_what_is_not_to_be_trusted_stands_out(
    r_hat: float | None, ess: float | None, bad: bool
) -> None:
    entry = Entry("a", np.random.default_rng(1).normal(size=(2, 20)), r_hat, ess)
    svg = PLOTS["posterior"].svg(Subject("nuts", [entry], 1))
    assert (DIVERGENT.lower().encode() in svg) == bad


def test_a_long_name_is_cut_in_its_middle() -> None:
    name = "a" * 40 + "z" * 24
    texts = comments(PLOTS["posterior"].svg(subject(1, names=(name,))))
    assert f"{name[:15]}…{name[-15:]}" in texts


@pytest.mark.parametrize("kind", ["posterior", "pair"])
def test_a_choice_says_that_it_is_one(kind: Kind) -> None:
    every = subject()
    some = Subject("nuts", every.entries, among=45)
    note = "3 of 45 numbers, the worst R-hat first; choose others with parameters=a,b[0]."
    assert any(note in text for text in comments(PLOTS[kind].svg(some)))
    assert not any("worst" in text for text in comments(PLOTS[kind].svg(every)))


@pytest.mark.slow
@pytest.mark.parametrize("kind", PLOTS)
def test_the_largest_plots_stay_below_a_megabyte(kind: Kind) -> None:
    plot = PLOTS[kind]
    steps = 100_000
    noise = np.random.default_rng(1).normal(size=steps)
    full = subject(max(1, plot.most), 8, 4000, odd=0.5)
    large = Subject(
        "nuts",
        full.entries,
        full.among,
        full.divergent,
        full.energy,
        full.e_bfmi,
        Elbo(range(steps), noise.tolist(), 0.0, 0.1, 0.9),
    )
    assert len(plot.svg(large)) < MEGABYTE


@pytest.mark.parametrize("kind", ["trace", "posterior", "pair", "rank"])
def test_constants_and_what_is_not_finite_are_drawn_too(kind: Kind) -> None:
    values = np.random.default_rng(1).normal(size=(2, 20))
    holed = values.copy()
    holed[0, 3], holed[1, 4] = np.nan, np.inf
    entries = [
        Entry("plain", values),
        Entry("constant", np.ones((2, 20))),
        Entry("holed", holed),
        Entry("nothing", np.full((2, 20), np.nan)),
        Entry("still", np.repeat([[1.0], [2.0]], 20, axis=1)),
    ]
    drawn = PLOTS[kind].svg(Subject("hmc", entries, len(entries)))
    assert ElementTree.fromstring(drawn).tag.endswith("}svg")


@pytest.mark.parametrize("kind", ["trace", "posterior", "pair", "energy"])
def test_one_draw_of_one_chain_is_drawn(kind: Kind) -> None:
    entries = [Entry(name, np.ones((1, 1))) for name in ("a", "b")]
    drawn = PLOTS[kind].svg(Subject("nuts", entries, 2, energy=np.ones((1, 1))))
    assert ElementTree.fromstring(drawn).tag.endswith("}svg")


@pytest.mark.parametrize(
    ("kind", "given", "sentence"),
    [
        ("elbo", Subject("nuts"), "no ELBO: its engine is 'nuts'; vi has one"),
        ("energy", Subject("vi"), "no energies: its engine is 'vi'; nuts and hmc have them"),
        ("rank", subject(chains=1), "this job has one; run nuts"),
        ("pair", subject(entries=1), "needs two numbers"),
    ],
)
def test_what_a_job_does_not_have_is_said(kind: Kind, given: Subject, sentence: str) -> None:
    with pytest.raises(ConflictError, match=sentence):
        PLOTS[kind].svg(given)


@pytest.mark.slow
def test_a_gateway_starts_without_matplotlib_and_pyplot_is_never_imported() -> None:
    code = (
        "import sys, services.gateway.app; assert 'matplotlib' not in sys.modules; "
        "import services.plots.registry; assert 'matplotlib.pyplot' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
