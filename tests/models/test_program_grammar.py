"""What a Pyro source may not say is refused before it runs, with the place and what to write."""

import pytest

from models.definition import PyroDefinition
from models.errors import DefinitionError
from models.programs import build_program
from tests.escapes import EXPRESSIONS, TEXTS, label
from tests.models.running import body

LIKELIHOOD = "pyro.sample('y', dist.Normal(0., 1.), obs=y)"


def refused(source: str) -> DefinitionError:
    with pytest.raises(DefinitionError) as caught:
        build_program(PyroDefinition(language="pyro", source=source))
    return caught.value


#: One statement of the model -> column of the mistake, a fragment of the message.
STATEMENTS = [
    ("import os", 5, "imports are not needed"),
    ("from os import path", 5, "imports are not needed"),
    ("x = ().__class__", 9, "'.__class__' is not part of model text"),
    ("x = y.__class__", 9, "'.__class__' is not part of model text"),
    ("x = __builtins__", 9, "names do not begin with __"),
    ("x = __import__('os')", 9, "unknown function '__import__'"),
    ("x = open('/etc/passwd')", 9, "unknown function 'open'"),
    ("x = eval('1')", 9, "unknown function 'eval'"),
    ("x = exec('1')", 9, "unknown function 'exec'"),
    ("x = getattr(y, 'real')", 9, "unknown function 'getattr'"),
    ("x = print(y)", 9, "unknown function 'print'"),
    ("x = torch.load('f')", 9, "'torch.load' is not part of model text"),
    ("x = torch.save(y, 'f')", 9, "'torch.save' is not part of model text"),
    ("x = torch.hub.load('a', 'b')", 9, "'torch.hub.load' is not part of model text"),
    ("x = torch.manual_seed(1)", 9, "'torch.manual_seed' is not part of model text"),
    ("x = torch.ops.aten.sum(y)", 9, "'torch.ops.aten.sum' is not part of model text"),
    ("x = torch.__dict__", 9, "'torch.__dict__' is not part of model text"),
    ("x = torch.expp(y)", 9, "did you mean 'torch.exp'"),
    ("x = torch", 9, "'torch' is a module"),
    ("x = pyro.clear_param_store()", 9, "'pyro.clear_param_store' is not part of model text"),
    ("x = pyro.poutine.trace(y)", 9, "'pyro.poutine.trace' is not part of model text"),
    ("x = dist.Nrmal(0., 1.)", 9, "unknown distribution 'Nrmal'; did you mean 'Normal'"),
    ("x = dist.Normal(0., scal=1.)", 9, "no argument 'scal'; did you mean 'scale'"),
    ("x = dist.Normal(0.)", 9, "needs the argument 'scale'"),
    ("x = dist.Normal(0., 1., 2.)", 9, "at most 2 arguments"),
    ("x = dist.constraints.positiv", 9, "did you mean 'positive'"),
    ("x = dist.constraints.interval(0.)", 9, "takes lower_bound and upper_bound"),
    ("x = dist.constraints.positive(0.)", 9, "takes no bounds"),
    ("x = y.numpy()", 9, "the method '.numpy' is not part of model text"),
    ("x = y.data", 9, "the attribute '.data' is not part of model text"),
    ("x = y.sum", 9, "'.sum' is a method"),
    ("x = y.backward()", 9, "the method '.backward' is not part of model text"),
    ("x = 'a{0.__class__}'.format(y)", 9, "the method '.format' is not part of model text"),
    ("x = exp", 9, "'exp' is a function's name"),
    ("x = exp(y, 1)", 9, "exp: too many positional arguments"),
    ("x = softmax(y, dims=0)", 9, "no argument 'dims'; did you mean 'dim'"),
    ("x = lambda: 1", 9, "lambda functions are not part of model text"),
    ("x = f'{y}'", 9, "f-strings are not part of model text"),
    ("x = [i for i in range(3)]", 9, "comprehensions are not part of model text"),
    ("x = {i for i in range(3)}", 9, "comprehensions are not part of model text"),
    ("x = {i: i for i in range(3)}", 9, "comprehensions are not part of model text"),
    ("x = sum(i for i in range(3))", 12, "comprehensions are not part of model text"),
    ("x = (z := 1)", 10, "`:=` is not part of model text"),
    ("x = {'a': 1}", 9, "dictionaries are not part of model text"),
    ("x = {1, 2}", 9, "sets are not part of model text"),
    ("x = [*y]", 10, "`*` in a list of arguments"),
    ("x = exp(*y)", 13, "`*` in a list of arguments"),
    ("x = exp(**y)", 9, "`**` in a call"),
    ("x = b'a'", 9, "is not part of model text; write a real number"),
    ("x = 1j", 9, "is not part of model text; write a real number"),
    ("x = 1e999", 9, "not finite"),
    ("x = torch.inf", 9, "not finite"),
    ("x = 9223372036854775808", 9, "beyond 2^63"),
    ("x = 1 << 70", 9, "shifts are not part of model text"),
    ("x = y ^ 2", 9, "write ** for a power"),
    ("x = 1 in y", 9, "`in` is not part of model text"),
    ("x = y()", 9, "'y' is a variable here"),
    ("x = y[0]()", 9, "only functions by name can be called"),
    ("x = (torch.exp)(y)(y)", 9, "only functions by name can be called"),
    ("x = range(3)", 9, "unknown function 'range'"),
    ("while True:\n        pass", 5, "`while` is not part of model text"),
    ("try:\n        pass\n    except:\n        pass", 5, "`try` is not part of model text"),
    ("def f():\n        pass", 5, "a function inside the model"),
    ("async def f():\n        pass", 5, "`async` is not part of model text"),
    ("class A:\n        pass", 5, "classes are not part of model text"),
    ("x: int = 1", 5, "annotations are not part of model text"),
    ("global x", 5, "`global` is not part of model text"),
    ("del y", 5, "`del` is not part of model text"),
    ("raise y", 5, "`raise` is not part of model text"),
    ("assert y", 5, "`assert` is not part of model text"),
    ("match y:\n        case 1:\n            pass", 5, "`match` is not part of model text"),
    ("for i in range(3):\n        break", 9, "`break` is not part of model text"),
    ("for i in y:\n        pass", 14, "a loop runs over range(n)"),
    ("for i in range(3):\n        pass\n    else:\n        pass", 5, "`else` of a loop"),
    ("for y.T in range(3):\n        pass", 9, "only names can be assigned"),
    ("with open('f') as f:\n        pass", 10, "unknown function 'open'"),
    ("y[0] = 1", 5, "an array is never changed in place"),
    ("y.T = 1", 5, "only names can be assigned"),
    ("torch = 1", 5, "'torch' is a module's name"),
    ("__x = 1", 5, "not beginning with __"),
    ("x = z", 9, "the name 'z' is not known"),
    ("x = z\n    z = 1", 9, "'z' is used before it has a value"),
    ("x += 1", 5, "'x' is used before it has a value"),
    ("exp = exp(y)", 11, "'exp' is a variable here"),
    ("x = pyro.sample('x')", 9, "pyro.sample needs name and fn"),
    ("x = pyro.sample('x', dist.Normal(0., 1.), ob=y)", 9, "no argument 'ob'"),
    ("x = pyro.param('x', lambda: 1.)", 25, "lambda functions are not part of model text"),
    ("x = pyro.sample('x', dist.Normal(0., 1.), infer=y)", 53, "infer is written out"),
    ("yield y", 5, "yield is not part of model text"),
    ("return lambda: 1", 12, "lambda functions are not part of model text"),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "column", "fragment"), STATEMENTS)
def test_refuses_a_statement(statement: str, column: int, fragment: str) -> None:
    error = refused(f"def model(y):\n    {statement}\n    {LIKELIHOOD}\n")
    line = error.path.split(",")[0]
    assert line in ("line 2", "line 3")
    assert error.path.endswith(f"column {column}")
    assert fragment in error.message


@pytest.mark.parametrize(("statement", "column", "fragment"), STATEMENTS[:40])
def test_refuses_it_where_it_would_never_run(statement: str, column: int, fragment: str) -> None:
    source = f"def model(y):\n    {LIKELIHOOD}\n    return\n    {statement}\n"
    error = refused(source)
    assert error.path.startswith("line 4")
    assert fragment in error.message


SIGNATURES = [
    ("@torch.no_grad()\ndef model(y):\n    pass\n", "line 1, column 2", "decorators"),
    ("def model(y=1):\n    pass\n", "line 1, column 13", "default arguments"),
    ("def model(*, y=1):\n    pass\n", "line 1, column 16", "default arguments"),
    ("def model(*y):\n    pass\n", "line 1, column 1", "plain arguments"),
    ("def model(**y):\n    pass\n", "line 1, column 1", "plain arguments"),
    ("def model(y, /):\n    pass\n", "line 1, column 1", "plain arguments"),
    ("def model(y: int):\n    pass\n", "line 1, column 14", "annotations"),
    ("def model(y) -> int:\n    pass\n", "line 1, column 17", "annotations"),
    ("def model(exp):\n    pass\n", "line 1, column 11", "is a function's name"),
    ("def model(torch):\n    pass\n", "line 1, column 11", "is a module's name"),
    ("def model(__y):\n    pass\n", "line 1, column 11", "is no name"),
    ("def model(" + "a" * 65 + "):\n    pass\n", "line 1, column 11", "up to 64 letters"),
    ("import torch\ndef model(y):\n    pass\n", "line 1, column 1", "imports are not needed"),
    ("def a(y):\n    pass\ndef b(y):\n    pass\n", "line 3, column 1", "2 functions"),
    ("y = 1\n", "line 1, column 1", "only `def model(...):`"),
    ("'''docs'''\n", "line 1, column 1", "only `def model(...):`"),
    ("", "line 1, column 1", "0 functions"),
    ("async def model(y):\n    pass\n", "line 1, column 1", "`async`"),
]


@pytest.mark.parametrize(("source", "path", "fragment"), SIGNATURES)
def test_refuses_a_signature(source: str, path: str, fragment: str) -> None:
    error = refused(source)
    assert error.path == path
    assert fragment in error.message


@pytest.mark.parametrize("text", TEXTS, ids=label)
def test_no_way_out(text: str) -> None:
    error = refused(body("mu = 2 * y", LIKELIHOOD, "if 0:", f"    x = {text}"))
    # Python's parser does not say where it was when it ran out of stack.
    deep = text in (*EXPRESSIONS["nesting"], *EXPRESSIONS["length"])
    assert error.path.startswith("line " if deep else "line 5, column ")
    assert error.message


def test_a_local_variable_may_hide_a_function() -> None:
    source = body("mean = 2 * y", "pyro.sample('y', dist.Normal(mean, 1.), obs=y)")
    assert build_program(PyroDefinition(language="pyro", source=source)).data_names == ("y",)
