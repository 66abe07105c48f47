from __future__ import annotations

import math
import pickle
from collections import ChainMap
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType

import dras
import numpy as np
import pytest

HOT = dras.Expression("cpu > 80% && lag > 5m", {"cpu": "ratio", "lag": "ms"})


def test_conditions_numbers_and_texts() -> None:
    assert HOT(cpu=0.91, lag=412_000) is True
    assert HOT.evaluate({"cpu": 0.91, "lag": 1}) is False
    assert HOT.type == "bool" and HOT.used == ("cpu", "lag") and HOT.variables == {"cpu": "ratio", "lag": "ms"}
    assert HOT.source == str(HOT) == "cpu > 80% && lag > 5m"
    number = dras.Expression("ceil(parallelism * cpu / 0.6)", ["parallelism", "cpu"])
    assert number(parallelism=4, cpu=0.9) == 6.0 and number.type == "number"
    assert dras.Expression("lag / 2", {"lag": "ms"}).evaluate({"lag": 3000}) == 1.5
    text = dras.Expression("name == 'x' ? 'sql' : name", {"name": "text"})
    assert text(name="x") == "sql" and text(name="é😀") == "é😀" and text.type == "text"
    assert dras.Expression("failing && name =~ 'a+'", {"failing": "bool", "name": "text"})(failing=np.True_, name="caat") is True
    assert dras.Expression("1 + 1").evaluate({}) == 2.0


def test_values_of_many_kinds() -> None:
    twice = dras.Expression("x * 2", ["x"])
    for value in (3, 3.0, np.float64(3), np.float32(3), np.int32(3), Decimal(3), Fraction(3)):
        assert twice.evaluate({"x": value}) == 6.0
    seconds = dras.Expression("lag", {"lag": "ms"})
    for lag in (90_000, "90s", "1m30s", timedelta(seconds=90)):
        assert seconds.evaluate({"lag": lag}) == 90.0
    assert dras.Expression("size", {"size": "MiB"}).evaluate({"size": "2GiB"}) == 2 * 1024**3
    mappings: list[Mapping[str, object]] = [MappingProxyType({"x": 3}), ChainMap({"x": 3}, {"x": 4})]
    for mapping in mappings:
        assert twice.evaluate(mapping) == 6.0


def test_what_is_not_there_is_undefined_with_a_reason() -> None:
    cases: list[tuple[dict[str, object], str]] = [
        ({"cpu": 0.9}, "no_attribute"),
        ({"cpu": 0.9, "lag": None}, "not_available"),
        ({"cpu": 0.9, "lag": math.nan}, "not_available"),
        ({"cpu": 0.9, "lag": math.inf}, "not_finite"),
    ]
    for values, reason in cases:
        value = HOT.evaluate(values)
        assert isinstance(value, dras.Undefined) and value.reason == reason and not value and value.text in str(value)
    assert HOT.evaluate({"cpu": 0.1}) is False, "false, whatever the lag"
    zero = dras.Expression("a / b", ["a", "b"]).evaluate({"a": 1, "b": 0})
    assert isinstance(zero, dras.Undefined) and zero.reason == "division_by_zero" and hash(zero)
    assert pickle.loads(pickle.dumps(zero)) == zero


def test_a_bad_value_is_an_exception_and_the_expression_goes_on() -> None:
    named = dras.Expression("flag && name == 'x'", {"flag": "bool", "name": "text"})
    for expression, values, error, code in [
        (HOT, {"cpu": "much", "lag": 1}, dras.InputError, "quantity"),
        (HOT, {"cpu": "5m", "lag": 1}, dras.InputError, "unit"),
        (HOT, {"cpu": timedelta(1), "lag": 1}, dras.InputError, "unit"),
        (HOT, {"cpu": True, "lag": 1}, dras.InputTypeError, "type"),
        (HOT, {"cpu": [1], "lag": 1}, dras.InputTypeError, "type"),
        (HOT, {"cpu": 1j, "lag": 1}, dras.InputTypeError, "type"),
        (HOT, {"cpu": 10**400, "lag": 1}, dras.InputError, "number_too_large"),
        (HOT, [("cpu", 1)], dras.InputTypeError, "type"),
        (HOT, None, dras.InputTypeError, "type"),
        (named, {"flag": 1, "name": "x"}, dras.InputTypeError, "type"),
        (named, {"flag": True, "name": b"x"}, dras.InputTypeError, "type"),
        (named, {"flag": True, "name": "\ud800"}, dras.InputError, "not_utf8"),
    ]:
        with pytest.raises(error) as caught:
            expression.evaluate(values)  # type: ignore[arg-type]
        assert caught.value.code == code, str(caught.value)
    assert HOT(cpu=0.91, lag=412_000) is True
    assert named(flag=True, name="x") is True


def test_a_number_that_raises_is_the_cause() -> None:
    class Broken:
        def __float__(self) -> float:
            raise RuntimeError("no")

    with pytest.raises(dras.InputError) as caught:
        HOT.evaluate({"cpu": Broken(), "lag": 1})
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_mapping_may_change_while_it_is_read() -> None:
    class Changing:
        def __init__(self, values: dict[str, object]) -> None:
            self.values = values

        def __float__(self) -> float:
            self.values.clear()
            self.values.update({f"x{i}": i for i in range(1000)})
            return 0.9

    values: dict[str, object] = {}
    values.update(cpu=Changing(values), lag=412_000)
    assert isinstance(HOT.evaluate(values), dras.Undefined)


def test_a_refused_expression_says_why() -> None:
    with pytest.raises(dras.ExpressionError) as caught:
        dras.Expression("cpu > 80 && lagg > 5m", {"cpu": "ratio", "lag": "ms"})
    assert [d.code for d in caught.value.diagnostics.errors] == ["E0201"]
    with pytest.raises(dras.ExpressionError):
        dras.Expression("")
    for variables, code in [({"cpu": "parsecs"}, "unknown_unit"), ({"a b": "ms"}, "name"), (["cpu", "cpu"], "name")]:
        with pytest.raises(dras.InputError) as refused:
            dras.Expression("1", variables)
        assert refused.value.code == code
    for bad in (5, "cpu", [1], {1: "ms"}, {"cpu": 1}):
        with pytest.raises(dras.InputTypeError):
            dras.Expression("1", bad)  # type: ignore[arg-type]
    with pytest.raises(dras.InputTypeError):
        dras.Expression(b"1")  # type: ignore[arg-type]


def test_hostile_texts_are_refused_quickly() -> None:
    for text in ("(" * 1_000_000, "!" * 1_000_000, "a" * 10_000_000, "1+" * 200_000, "x =~ '" + "(a{1000}){1000}" + "'", "\0", "😀"):
        with pytest.raises(dras.ExpressionError):
            dras.Expression(text, {"x": "text"})


def test_explanations() -> None:
    explanation = HOT.explain({"cpu": 0.91, "lag": 412_000})
    assert str(explanation) == "cpu > 80% && lag > 5m → true\n  cpu = 0.91 > 80% → true\n  lag = 6m52s > 5m → true"
    assert explanation.lines == ("cpu = 0.91 > 80% → true", "lag = 6m52s > 5m → true")
    assert explanation.parts[0].value is True and explanation.parts[0].parent is None
    assert explanation.parts[1].text == "cpu > 80%" and explanation.parts[1].parent == 0 and explanation.parts[1].span == (0, 9)
    assert "cpu &gt; 80%" in explanation._repr_html_()
    missing = HOT.explain({"cpu": 0.91})
    assert missing.parts[0].value is None and missing.parts[0].undefined == "`lag`: the task does not say"
    assert "→ undefined" in str(dras.explain("a > b", {"a": 1, "b": None}))
    assert str(dras.explain("name == 'x' && ok", {"name": "x", "ok": True})).startswith("name == 'x' && ok → true")


def test_equal_expressions_are_equal_and_can_be_pickled() -> None:
    same = dras.Expression("cpu > 80% && lag > 5m", {"cpu": "ratio", "lag": "ms"})
    assert same == HOT and hash(same) == hash(HOT) and same != dras.Expression("cpu > 80% && lag > 5m", {"cpu": "ratio", "lag": "s"})
    again = pickle.loads(pickle.dumps(HOT))
    assert again == HOT and again(cpu=0.91, lag=412_000) is True
    assert repr(HOT) == 'Expression("cpu > 80% && lag > 5m")'


def test_format_and_functions() -> None:
    assert dras.format("cpu>80%&&( lag > 5m )") == "cpu > 80% && lag > 5m"
    with pytest.raises(dras.ExpressionError):
        dras.format("cpu >")
    with pytest.raises(dras.InputTypeError):
        dras.format(1)  # type: ignore[arg-type]
    functions = {function.name: function for function in dras.functions()}
    assert functions["clamp"].signature == "clamp(x, low, high)" and functions["clamp"].doc and functions["clamp"].examples


def test_columns_give_the_same_as_single_evaluations() -> None:
    rng = np.random.default_rng(1)
    cpu, lag = rng.uniform(0, 1, 5000), rng.uniform(0, 600_000, 5000)
    cpu[::7], lag[::11], lag[::13] = np.nan, np.inf, -np.inf
    truths = HOT.evaluate_columns({"cpu": cpu, "lag": lag})
    assert truths.dtype == np.uint8
    words = {False: dras.FALSE, True: dras.TRUE}
    for i in range(0, 5000, 3):
        value = HOT(cpu=cpu[i], lag=lag[i])
        assert truths[i] == (dras.UNDEFINED if isinstance(value, dras.Undefined) else words[bool(value)])
    number = dras.Expression("lag / cpu", {"cpu": "ratio", "lag": "ms"})
    values = number.evaluate_columns({"cpu": cpu, "lag": lag})
    assert values.dtype == np.float64
    for i in range(0, 5000, 3):
        value = number(cpu=cpu[i], lag=lag[i])
        assert np.isnan(values[i]) if isinstance(value, dras.Undefined) else values[i] == value


def test_bad_columns() -> None:
    good = np.zeros(10)
    for columns, error in [
        ({"cpu": good, "lag": good[:5]}, dras.InputError),
        ({}, dras.InputError),
        ({"cpu": np.zeros(20)[::2], "lag": good}, dras.InputTypeError),
        ({"cpu": np.zeros(10, dtype=np.float32), "lag": good}, dras.InputTypeError),
        ({"cpu": np.zeros((10, 1)), "lag": good}, dras.InputTypeError),
        ({"cpu": np.array(["a"] * 10), "lag": good}, dras.InputTypeError),
        ({"cpu": good.astype(">f8"), "lag": good}, dras.InputTypeError),
        ({"cpu": "x", "lag": good}, dras.InputTypeError),
        ({1: good}, dras.InputTypeError),
        ([good], dras.InputTypeError),
    ]:
        with pytest.raises(error):
            HOT.evaluate_columns(columns)  # type: ignore[arg-type]
    with pytest.raises(dras.InputTypeError):
        dras.Expression("name == 'x'", {"name": "text"}).evaluate_columns({"name": good})
    with pytest.raises(dras.InputError):
        dras.Expression("name == 'x' || x > 1", {"name": "text", "x": "number"}).evaluate_columns({"x": good})
    read_only = good.copy()
    read_only.flags.writeable = False
    assert not HOT.evaluate_columns({"cpu": read_only, "lag": [0] * 10}).any()
