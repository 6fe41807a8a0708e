"""Bad input: a problem with a path and a sentence, within 5 s, and no row in the store."""

import re
import time
from collections.abc import Mapping
from typing import Any

import pytest

from services.gateway.deps import Deps
from services.gateway.examples import DATA, EIGHT_SCHOOLS
from services.gateway.submission import draws_bytes
from tests.services.gateway.conftest import MAX_BODY
from tests.services.gateway.web import Web, assert_problem
from workers.engines import ENGINES, options_type

NUTS = {"kind": "nuts"}
Y = {"y": [1.0, 2.0, 0.5]}


def job(model: Any, data: Any, **more: Any) -> dict[str, Any]:
    return {"model": model, "data": data, "engine": NUTS, **more}


def graph(*sites: Mapping[str, Any], **plates: Any) -> dict[str, Any]:
    return {"language": "graph", "plates": plates, "sites": list(sites)}


def site(name: str, distribution: str = "Normal", **args: Any) -> dict[str, Any]:
    more = {k: args.pop(k) for k in ("plates", "observed") if k in args}
    return {"name": name, "distribution": distribution, "args": args, **more}


def pyro(*lines: str, arguments: str = "y") -> dict[str, Any]:
    text = "".join(f"    {line}\n" for line in lines)
    return {"language": "pyro", "source": f"def model({arguments}):\n{text}"}


MU = site("mu", loc=0, scale=1)
OBSERVED = site("y", loc="mu", scale=1, observed="y")
PYRO_MU = "mu = pyro.sample('mu', dist.Normal(0., 1.))"
PYRO_Y = "pyro.sample('y', dist.Normal(mu, 1.), obs=y)"
GOOD = graph(MU, OBSERVED)
GOOD_PYRO = pyro(PYRO_MU, PYRO_Y)


def formula(text: str, data: Any = None, **more: Any) -> dict[str, Any]:
    columns = {**Y, "x": [0.5, 0.1, 2.0], "one": ["a"] * 3, "m": ["a", None, "b"]}
    model = {"language": "formula", "formula": text, **more}
    return job(model, columns if data is None else data)


def with_line(line: str) -> dict[str, Any]:
    return job(pyro(PYRO_MU, line, PYRO_Y), Y)


def with_value(expression: str) -> dict[str, Any]:
    return job(graph(MU, {"name": "v", "value": expression}, OBSERVED), Y)


#: Name -> body, and how a path in the answer starts.
MODELS: dict[str, tuple[dict[str, Any], str]] = {
    "unknown distribution": (
        job(graph(site("mu", "Nrmal", loc=0, scale=1), OBSERVED), Y),
        "model.sites[0]",
    ),
    "unknown argument": (job(graph(site("mu", loc=0, scal=1), OBSERVED), Y), "model.sites[0]"),
    "unknown distribution, pyro": (with_line("a = pyro.sample('a', dist.Nrmal(0., 1.))"), "line 3"),
    "unknown argument, pyro": (
        with_line("a = pyro.sample('a', dist.Normal(0., scal=1.))"),
        "line 3",
    ),
    "wrong shape": (
        job(graph(MU, site("y", loc="mu + x", scale=1, observed="y")), {**Y, "x": [1, 2]}),
        "model.sites[1]",
    ),
    "index out of range": (with_value("y[7]"), "model.sites[1]"),
    "index array out of range": (
        job(graph(MU, site("y", loc="mu * y[g]", scale=1, observed="y")), {**Y, "g": [0, 1, 9]}),
        "model.sites[1]",
    ),
    "negative scale constant": (
        job(graph(site("mu", loc=0, scale=-1), OBSERVED), Y),
        "model.sites[0]",
    ),
    "negative scale data": (
        job(graph(MU, site("y", loc="mu", scale="s", observed="y")), {**Y, "s": -1}),
        "model.sites[1]",
    ),
    "name used twice": (job(graph(MU, MU, OBSERVED), Y), "model.sites[1]"),
    "name used too early": (
        job(graph(site("a", loc="mu", scale=1), MU, OBSERVED), Y),
        "model.sites[0]",
    ),
    "name of a function": (job(graph(site("exp", loc=0, scale=1), OBSERVED), Y), "model.sites[0]"),
    "no name": (job(graph(site("a b", loc=0, scale=1), OBSERVED), Y), "model.sites[0].name"),
    "outside the support": (
        job(graph(MU, site("y", "Poisson", rate="exp(mu)", observed="y")), {"y": [1, -2]}),
        "model.sites[1]",
    ),
    "syntax error, graph": (with_value("mu +"), "model.sites[1].value"),
    "syntax error, pyro": (with_line("mu = = 3"), "line 3, column"),
    "nothing to infer": (job(graph(site("y", loc=0, scale=1, observed="y")), Y), "model"),
    "nothing observed": (job(graph(MU), {}), "model"),
    "no sites": (job(graph(), {}), "model.sites"),
    "unknown field of a site": (
        job(graph({**MU, "plate": ["a"]}, OBSERVED), Y),
        "model.sites[0].plate",
    ),
    "unknown language": (job({"language": "bugs", "source": ""}, Y), "model.language"),
    "no language": (job({"sites": []}, Y), "model.language"),
    "unknown catalogue model": (job({"language": "catalog", "name": "nine_schools"}, {}), "model"),
    "model is no object": (job("eight_schools", {}), "model"),
    "terabyte of zeros": (with_value("sum(zeros(10**12))"), "model.sites[1]"),
    "terabyte of zeros, pyro": (with_line("z = torch.zeros(10**12).sum()"), "line 3"),
    "terabyte of eye": (with_value("sum(eye(10**6))"), "model.sites[1]"),
    "terabyte of outer": (
        with_value("sum(exp(outer(arange(10**6), arange(10**6))))"),
        "model.sites[1]",
    ),
    "plate of 10^12": (
        job(graph(site("a", loc=0, scale=1, plates=["p"]), MU, OBSERVED, p=10**12), Y),
        "model",
    ),
    "plate of 10^12, pyro": (
        job(
            pyro(
                PYRO_MU,
                "with pyro.plate('p', 10**12):",
                "    a = pyro.sample('a', dist.Normal(0., 1.))",
                PYRO_Y,
            ),
            Y,
        ),
        "line",
    ),
    "long loop": (with_line("for i in range(10**9): a = i"), "line 3"),
    "nested loops": (
        job(
            pyro(
                PYRO_MU,
                "for i in range(5000):",
                "    for j in range(5000):",
                "        a = i * j",
                PYRO_Y,
            ),
            Y,
        ),
        "line",
    ),
    "huge power": (with_value("9**9**9**9"), "model.sites[1]"),
    "huge power, pyro": (with_line("a = 10**10**10"), "line 3"),
    "huge power of a power": (with_value("((10**18)**18)**18"), "model.sites[1]"),
    "not a finite constant": (with_value("mu * 1e999"), "model.sites[1]"),
    "not a finite constant, pyro": (with_line("a = 1e999 * mu"), "line 3"),
    "long expression": (with_value("mu" + " + mu" * 3000), "model.sites[1]"),
    "long source": (with_line("a = 0" + "1" * 66_000), "model.source"),
    "deep parentheses": (with_value("(" * 4000 + "mu" + ")" * 4000), "model.sites[1]"),
    "deep parentheses, pyro": (with_line("a = " + "(" * 20_000 + ")" * 20_000), "line"),
    "deep unary": (with_value("-" * 9000 + "mu"), "model.sites[1]"),
    "deep powers": (with_line("a = " + "**".join(["2"] * 9000)), "line"),
    "deep attributes": (with_line("a = mu" + ".T" * 20_000), "line"),
    "many digits": (with_value("1" * 6000), "model.sites[1]"),
    "NUL in a source": (with_line("a = 1\0"), "model.source"),
    "two functions": (
        job({"language": "pyro", "source": "def a():\n    pass\ndef b():\n    pass\n"}, {}),
        "line",
    ),
    "no function": (job({"language": "pyro", "source": "x = 1\n"}, {}), "line 1"),
    "empty source": (job({"language": "pyro", "source": ""}, {}), ""),
    "stan": (job({"language": "stan", "source": "model {}"}, {}), "engine.kind"),
    "formula without data": (formula("y ~ x", {}), "formula, column 1"),
    "formula, unknown column": (formula("y ~ z"), "formula, column 5"),
    "formula, unknown function": (formula("y ~ foo(x)"), "formula, column 5"),
    "formula, attribute": (formula("y ~ x.__class__"), "formula, column 6"),
    "formula, deep": (formula("y ~ " + "(" * 9000), "formula, column"),
    "formula, long": (formula("y ~ " + "x + " * 5000), "model.formula"),
    "formula, one level": (formula("y ~ one"), "formula, column 5"),
    "formula, one group": (formula("y ~ (1 | one)"), "formula, column"),
    "formula, support": (formula("x ~ y", family="poisson"), "data.x[0]"),
    "formula, missing": (formula("y ~ m"), "data.m[1]"),
    "formula, dependent": (formula("y ~ x + I(2 * x)"), "formula, column 9"),
    "formula, family": (formula("y ~ x", family="weibull"), "model.family"),
    "formula, link": (formula("y ~ x", link="logit"), "model.link"),
    "formula, prior": (
        formula("y ~ x", priors={"z": {"distribution": "Normal"}}),
        "model.priors.z",
    ),
    "formula, prior's scale": (
        formula("y ~ x", priors={"x": {"distribution": "Normal", "args": {"loc": 0, "scale": 0}}}),
        "model.priors.x.args.scale",
    ),
    "texts for a graph": (job(GOOD, {"y": ["a", "b"]}), "data.y[0]"),
}

_OUTSIDE = (
    "import os",
    "from os import system",
    "a = ().__class__",
    "a = ().__class__.__base__.__subclasses__()",
    "a = open('/etc/passwd')",
    "a = torch.load('x')",
    "a = lambda: 1",
    "a = f'{mu}'",
    "a = [i for i in range(3)]",
    "a = {i: i for i in range(3)}",
    "a = sum(i for i in range(3))",
    "while True: a = 1",
    "try:\n        a = 1\n    except Exception:\n        a = 2",
    "def inner(): a = 1",
    "class A: a = 1",
    "a: int = 1",
    "eval('1')",
    "exec('1')",
    "getattr(mu, 'a')",
    "global a",
    "del mu",
    "a = yield",
    "a = await mu",
    "a = (b := 1)",
    "a = torch.ops.aten",
    "a = mu.data",
    "a = mu.numpy()",
    "a = mu.storage()",
    "a = torch.from_file('x')",
    "a = dist.Normal.__init__",
    "a = pyro.get_param_store()",
    "a = __import__('os')",
    "a = 'x'.format(mu)",
    "return mu.__dict__",
    "raise ValueError",
    "assert mu",
    "with open('x'): a = 1",
    "a = print(mu)",
    "a = mu @ __builtins__",
    "if False: import os",
)
for _line in _OUTSIDE:
    MODELS[f"outside: {_line[:30]}"] = (with_line(_line), "line 3")
for _text in (
    "().__class__",
    "open('x')",
    "lambda: 1",
    "[i for i in y]",
    "f'{mu}'",
    "mu.__class__",
):
    MODELS[f"outside, graph: {_text}"] = (with_value(_text), "model.sites[1]")
for _head, _name in (
    ("@pyro.plate\ndef model(y):", "decorator"),
    ("def model(y=1):", "default"),
    ("def model(y: int):", "annotation"),
    ("def model(*y):", "star"),
    ("async def model(y):", "async"),
):
    _source = f"{_head}\n    {PYRO_MU}\n    {PYRO_Y}\n"
    MODELS[_name] = (job({"language": "pyro", "source": _source}, Y), "line")

DATA_CASES: dict[str, tuple[Any, str]] = {
    "missing": ({}, "data"),
    "surplus": ({**Y, "z": 1}, "data.z"),
    "ragged": ({"y": [[1, 2], [3]]}, "data.y"),
    "textual": ({"y": [1, "two", 3]}, "data.y[1]"),
    "null": ({"y": [1, None, 3]}, "data.y[1]"),
    "empty": ({"y": []}, "data.y"),
    "an object": ({"y": {"a": 1}}, "data.y"),
    "too big an integer": ({"y": [1, 10**30]}, "data.y"),
    "a list": ([1, 2], "data"),
    "a dataset that is not there": ({"dataset": "abc"}, "data.dataset"),
    "no name": ({**Y, "a b": 1}, "data"),
}

REST: dict[str, tuple[dict[str, Any], str]] = {
    "unknown engine": ({"engine": {"kind": "nutz"}}, "engine.kind"),
    "no kind": ({"engine": {}}, "engine.kind"),
    "engine is no object": ({"engine": "nuts"}, "engine"),
    "unknown option": ({"engine": {"kind": "nuts", "drawz": 5}}, "engine.drawz"),
    "chains 0": ({"engine": {"kind": "nuts", "chains": 0}}, "engine.chains"),
    "chains 10^9": ({"engine": {"kind": "nuts", "chains": 10**9}}, "engine.chains"),
    "chains a text": ({"engine": {"kind": "nuts", "chains": "many"}}, "engine.chains"),
    "chains 1.5": ({"engine": {"kind": "nuts", "chains": 1.5}}, "engine.chains"),
    "too many draws": (
        {"engine": {"kind": "nuts", "chains": 4096, "draws": 10**6}},
        "engine.draws",
    ),
    "draws 10^30": ({"engine": {"kind": "nuts", "draws": 10**30}}, "engine.draws"),
    "target_accept 2": ({"engine": {"kind": "nuts", "target_accept": 2}}, "engine.target_accept"),
    "minibatches of another optimiser": (
        {"engine": {"kind": "map", "minibatch": 100}},
        "engine.minibatch",
    ),
    "profile of nothing": (
        {"engine": {"kind": "mle", "intervals": "profile", "profile": ["nu"]}},
        "engine.profile[0]",
    ),
    "restriction of nothing": (
        {"engine": {"kind": "mle", "restriction": {"nu": 1}}},
        "engine.restriction.nu",
    ),
    "restriction outside": (
        {"engine": {"kind": "mle", "restriction": {"tau": -1}}},
        "engine.restriction.tau",
    ),
    "restriction of an entry that is not there": (
        {"engine": {"kind": "mle", "restriction": {"theta[8]": 0}}},
        "engine.restriction.theta[8]",
    ),
    "restriction a text": (
        {"engine": {"kind": "mle", "restriction": {"tau": "one"}}},
        "engine.restriction",
    ),
    "seed -1": ({"seed": -1}, "seed"),
    "seed 2^63": ({"seed": 2**63}, "seed"),
    "seed a text": ({"seed": "x"}, "seed"),
    "unknown precision": ({"precision": "float16"}, "precision"),
    "unknown tier": ({"tier": "fast"}, "tier"),
    "cpus 0": ({"resources": {"cpus": 0}}, "resources.cpus"),
    "gpus": ({"resources": {"gpus": 2}}, "resources.gpus"),
    "workers": ({"resources": {"workers": 2}}, "resources.workers"),
    "no time": ({"limits": {"max_seconds": 0}}, "limits.max_seconds"),
    "unknown limit": ({"limits": {"max_second": 5}}, "limits.max_second"),
    "labels no texts": ({"labels": {"a": 1}}, "labels.a"),
    "label's name": ({"labels": {"a b": "x"}}, 'labels["a b"]'),
    "unknown field": ({"sed": 3}, "sed"),
}

BODIES: dict[str, tuple[bytes, int, str]] = {
    "empty": (b"", 400, ""),
    "no JSON": (b"{", 400, ""),
    "nested 10 000 deep": (b"[" * 10_000 + b"]" * 10_000, 400, ""),
    "objects 10 000 deep": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, 400, ""),
    "NaN": (b'{"model": {}, "data": {"y": [1, NaN]}}', 422, "data.y[1]"),
    "Infinity": (b'{"data": {"y": -Infinity}}', 422, "data.y"),
    "1e999": (b'{"data": {"y": [[1e999]]}}', 422, "data.y[0][0]"),
    "duplicate key": (b'{"data": {"y": 1, "y": 2}}', 422, "data.y"),
    "NUL": (b'{"model": {"language": "pyro", "source": "\\u0000"}}', 422, "model.source"),
    "no object": (b"[]", 422, "body"),
    "null": (b"null", 422, "body"),
    "over the limit": (b'"' + b"x" * (MAX_BODY + 1) + b'"', 413, ""),
}


def refuse(web: Web, deps: Deps, body: Any, path: str, status: int = 422) -> dict[str, Any]:
    began = time.perf_counter()
    answer = web.post("/v1/jobs", body)
    seconds = time.perf_counter() - began
    found = assert_problem(answer, status)
    if path:
        assert any(c["path"].startswith(path) for c in found["errors"]), found
    assert len(found["detail"]) > 10
    assert seconds < 5.0
    assert deps.store.list_jobs(None) == ([], None)
    assert deps.artifacts.list("inputs") == []
    return found


@pytest.mark.parametrize("name", MODELS)
def test_bad_models_are_refused(web: Web, deps: Deps, name: str) -> None:
    body, path = MODELS[name]
    refuse(web, deps, body, path)


@pytest.mark.parametrize("model", [GOOD, GOOD_PYRO], ids=["graph", "pyro"])
@pytest.mark.parametrize("name", DATA_CASES)
def test_bad_data_are_refused(web: Web, deps: Deps, model: Any, name: str) -> None:
    data, path = DATA_CASES[name]
    refuse(web, deps, job(model, data), path)


@pytest.mark.parametrize("name", REST)
def test_bad_circumstances_are_refused(web: Web, deps: Deps, name: str) -> None:
    more, path = REST[name]
    refuse(web, deps, job(EIGHT_SCHOOLS, DATA, **more), path)


#: A count that is not seen, in two languages.
COUNTS = graph(MU, site("k", "Poisson", rate=2), site("y", loc="mu + k", scale=1, observed="y"))
PYRO_K = "k = pyro.sample('k', dist.Poisson(2.))"
COUNTS_PYRO = pyro(PYRO_MU, PYRO_K, PYRO_Y.replace("mu", "mu + k"))
#: Options -> model, and what its refusal says.
UNSERVED: dict[str, tuple[dict[str, Any], Any, tuple[str, ...]]] = {
    "a flow in one dimension": ({"guide": "flow"}, GOOD, ("'mu'", "'mean_field'")),
    "structure without plates": (
        {"guide": "structured"},
        GOOD_PYRO,
        ("'mu'", "plate", "'mean_field'", "'full_rank'"),
    ),
    "a natural gradient of a flow": (
        {"guide": "flow", "optimizer": "natural_gradient"},
        EIGHT_SCHOOLS,
        ("'mean_field' or 'full_rank'",),
    ),
    "a discrete latent without a list of values": (
        {"guide": "mean_field"},
        graph(MU, site("k", "Poisson", rate=2), site("y", loc="mu + k", scale=1, observed="y")),
        ("'k'", "continuous latent"),
    ),
    "a way from the noise to a discrete latent": (
        {"estimator": "reparameterized"},
        COUNTS,
        ("'k'", "'reparameterized'", "'auto' or 'score_function'"),
    ),
    "the mode of a discrete latent": ({"guide": "delta"}, COUNTS, ("'k'", "write 'auto'")),
}


@pytest.mark.parametrize("name", UNSERVED)
def test_a_guide_that_cannot_serve_the_model_is_refused(web: Web, deps: Deps, name: str) -> None:
    options, model, said = UNSERVED[name]
    data = DATA if model is EIGHT_SCHOOLS else Y
    found = refuse(web, deps, job(model, data, engine={"kind": "vi", **options}), "")
    message = found["errors"][0]["message"]
    assert all(part in message for part in said), message


@pytest.mark.parametrize("kind", sorted({*ENGINES, "auto"} - {"vi", "stan"}))
def test_a_discrete_latent_without_a_list_of_values_is_told_who_serves_it(
    web: Web, deps: Deps, kind: str
) -> None:
    found = refuse(web, deps, job(COUNTS, Y, engine={"kind": kind}), "model")
    message = found["errors"][0]["message"]
    assert "'k' has no finite list of values" in message
    assert "the engine 'vi' serves it" in message


@pytest.mark.parametrize("model", [COUNTS, COUNTS_PYRO], ids=["graph", "pyro"])
@pytest.mark.parametrize("options", [{}, {"estimator": "score_function"}], ids=["auto", "named"])
def test_a_discrete_latent_without_a_list_of_values_is_served(
    web: Web, model: Any, options: dict[str, Any]
) -> None:
    answer = web.post("/v1/jobs", job(model, Y, engine={"kind": "vi", **options}))
    assert answer.status_code == 202
    described = web.post("/v1/models", {"definition": model, "data": Y})
    assert described.status_code in (200, 201)
    found = {p["name"]: p for p in described.json()["parameters"]}
    assert found["k"]["support"] == "nonnegative_integer"


def test_a_guide_by_plate_is_accepted(web: Web) -> None:
    body = job(EIGHT_SCHOOLS, DATA, engine={"kind": "vi", "guide": "structured"})
    assert web.post("/v1/jobs", body).status_code == 202


@pytest.mark.parametrize("name", BODIES)
def test_bad_bodies_are_refused(web: Web, deps: Deps, name: str) -> None:
    body, status, path = BODIES[name]
    refuse(web, deps, body, path, status)


def test_missing_parts_are_all_named(web: Web, deps: Deps) -> None:
    found = refuse(web, deps, {"engine": {"kind": "nuts", "chains": 0}}, "model")
    assert [c["path"] for c in found["errors"]] == ["model", "engine.chains"]


def test_a_misspelt_option_gets_a_suggestion(web: Web, deps: Deps) -> None:
    body = job(EIGHT_SCHOOLS, DATA, engine={"kind": "nuts", "drawz": 5})
    found = refuse(web, deps, body, "engine.drawz")
    assert "did you mean 'draws'" in found["errors"][0]["message"]


def test_newton_on_ten_thousand_unknowns_is_refused_with_its_memory(web: Web, deps: Deps) -> None:
    many = {"name": "mu", "parameter": {"shape": [10_000]}}
    seen = site("y", loc="sum(mu)", scale=1, observed="y")
    for optimizer in ("newton", "natural_gradient"):
        engine = {"kind": "mle", "optimizer": optimizer, "restarts": 4}
        body = job(graph(many, seen), Y, engine=engine)
        found = refuse(web, deps, body, "engine.optimizer")
        assert "10000 x 10000" in found["errors"][0]["message"]
        assert "3200 MB" in found["errors"][0]["message"]


#: Engine -> the path of what is too much of it for any worker, over many unknowns.
HOPELESS: dict[str, tuple[dict[str, Any], str]] = {
    "a dense metric": ({"kind": "nuts", "metric": "dense", "draws": 10}, "engine.metric"),
    "all correlations": ({"kind": "vi", "guide": "full_rank", "draws": 10}, "engine.guide"),
    "a flow": ({"kind": "vi", "guide": "flow", "draws": 10}, "engine.guide"),
    "laplace": ({"kind": "laplace", "draws": 10}, "engine.kind"),
}


@pytest.mark.parametrize("name", HOPELESS)
def test_matrices_that_no_worker_has_room_for_are_refused_with_their_bytes(
    web: Web, deps: Deps, name: str
) -> None:
    engine, path = HOPELESS[name]
    many = {"name": "mu", "parameter": {"shape": [60_000]}}
    seen = site("y", loc="sum(mu)", scale=1, observed="y")
    found = refuse(web, deps, job(graph(many, seen), Y, engine=engine), path)
    assert found["type"].endswith(":too-large")
    assert re.search(r"\d+(\.\d)? (MB|GiB)", found["errors"][0]["message"])
    assert "60000 unknowns" in found["errors"][0]["message"]


def test_chains_that_no_worker_has_room_for_are_refused_with_their_bytes(
    web: Web, deps: Deps
) -> None:
    # A million numbers on the way, for each of four thousand chains.
    model = graph(MU, {"name": "v", "value": "sum(exp(zeros(1000000) + mu))"}, OBSERVED)
    engine = {"kind": "chees", "chains": 4096, "draws": 1}
    found = refuse(web, deps, job(model, Y, engine=engine), "engine.chains")
    assert "the limit is 64 GiB" in found["errors"][0]["message"]
    # Native code works on eight of them at a time.
    assert web.post("/v1/jobs", job(model, Y, engine=engine, tier="compiled")).status_code == 202


def test_draws_that_the_stan_library_keeps_have_a_limit_of_their_own(web: Web, deps: Deps) -> None:
    model = {"language": "stan", "source": "parameters { real a; } model { a ~ normal(0, 1); }"}
    engine = {"kind": "stan", "chains": 64, "draws": 600_000}
    found = refuse(web, deps, job(model, {}, engine=engine), "engine.draws")
    assert "2.3 GiB" in found["errors"][0]["message"]


@pytest.mark.parametrize("model", [GOOD, GOOD_PYRO], ids=["graph", "pyro"])
def test_the_good_models_of_these_cases_are_accepted(web: Web, deps: Deps, model: Any) -> None:
    answer = web.post("/v1/jobs", job(model, Y))
    assert answer.status_code == 202, answer.text
    jobs, _ = deps.store.list_jobs(None)
    assert [job.id for job in jobs] == [answer.json()["id"]]


def test_draws_are_estimated_over_every_quantity() -> None:
    description = {
        "parameters": [{"shape": []}, {"shape": [3]}],
        "deterministics": [{"shape": [2, 5]}],
    }
    options = options_type(ENGINES["nuts"])(kind="nuts", chains=2, draws=7)  # type: ignore[call-arg]
    assert draws_bytes(options, description) == 2 * 7 * 14 * 8
    assert draws_bytes(options_type(ENGINES["mle"])(), description) == 0
    swarm = options_type(ENGINES["svgd"])(kind="svgd", particles=7)  # type: ignore[call-arg]
    assert 2 * draws_bytes(swarm, description) == draws_bytes(options, description)


def test_a_gpu_may_be_asked_for_where_one_is(web: Web, deps: Deps) -> None:
    asking = job(GOOD, Y, resources={"gpus": 1})
    deps.store.announce("here:1", 1)
    found = refuse(web, deps, asking, "resources.gpus")
    assert "write 0" in found["detail"] or "write 0" in str(found["errors"])
    deps.store.announce("there:1", 3, gpus=1)
    assert web.post("/v1/jobs", asking).status_code == 202


def test_a_gpu_may_be_asked_for_while_nobody_is_there(web: Web) -> None:
    assert web.post("/v1/jobs", job(GOOD, Y, resources={"gpus": 1})).status_code == 202


def test_stan_programs_do_not_run_on_gpus(web: Web, deps: Deps) -> None:
    stan = {"language": "stan", "source": "parameters { real x; } model { x ~ normal(0, 1); }"}
    refuse(web, deps, job(stan, {}, resources={"gpus": 1}), "resources.gpus")
