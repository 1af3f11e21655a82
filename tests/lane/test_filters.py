"""What filters make of JSON bodies (spec/request-pipeline.md 7.1, spec/config.md 7)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotbay.config import Sources, load
from hotbay.config.model import ModelConfig
from hotbay.config.settings.model import ModelFilters
from hotbay.lane.filters import BodyFilter, FilterError, compile_model_filter, compile_peer_filter
from hotbay.lane.json_object import decode_object

FilterOf = Callable[..., BodyFilter]
Tree = Any


@pytest.fixture
def filter_of(tmp_path: Path) -> FilterOf:
    """Return the filter of a model with these settings, as the configuration file has them."""

    def make(use_model_name: str = "", **filters: object) -> BodyFilter:
        model = {"cmd": "serve ${PORT}", "useModelName": use_model_name, "filters": filters}
        file = tmp_path / "config.yaml"
        file.write_text(json.dumps({"models": {"m": model}}))
        return compile_model_filter(load(Sources(file), environ={}).config.models["m"])

    return make


def apply(body_filter: BodyFilter, body: bytes, requested: str = "m", model: str = "") -> bytes:
    """Return what is forwarded."""
    changed = body_filter.apply(decode_object(body), requested=requested, model=model)
    return body if changed is None else changed


def test_filters_apply_in_their_order(filter_of: FilterOf) -> None:
    body_filter = filter_of(
        "acme/mist",
        stripParams="temperature",
        setParams={"top_k": 20, "opts.fast": True},
        setParamsByID={"mist": {"top_k": 5}},
    )
    body = b'{"model":"mist","temperature":1,"messages":[]}'
    assert apply(body_filter, body, "mist") == (
        b'{"model":"acme/mist","messages":[],"opts":{"fast":true},"top_k":5}'
    )
    assert apply(body_filter, body, "m") == (
        b'{"model":"acme/mist","messages":[],"opts":{"fast":true},"top_k":20}'
    )


def test_the_example_of_the_configuration(filter_of: FilterOf) -> None:
    body_filter = filter_of(
        stripParams="top_k, model , ,top_k",
        setParams={"temperature": 0.2, "model": "zz"},
        setParamsByID={"m:cold": {"temperature": 0}},
    )
    assert apply(body_filter, b'{"model":"m:cold","top_k":5}', "m:cold") == (
        b'{"model":"m:cold","temperature":0}'
    )


def test_a_parameter_stripped_and_set_ends_up_set(filter_of: FilterOf) -> None:
    body_filter = filter_of(stripParams="a", setParams={"a": 1})
    assert apply(body_filter, b'{"model":"m","a":0,"b":2}') == b'{"model":"m","b":2,"a":1}'


def test_the_model_cannot_be_stripped_or_set_even_by_a_path(filter_of: FilterOf) -> None:
    body_filter = filter_of(
        stripParams="model,model.x,mo\\del", setParams={"model.x": 1, "mod\\el": 2, "model\\": 3}
    )
    body = b'{"model": "m"}'
    assert body_filter.apply(decode_object(body), requested="m") is None


def test_a_name_from_profile_or_selector_is_written_unless_the_server_has_its_own(
    filter_of: FilterOf,
) -> None:
    body = b'{"a":1,"model":7,"b":2}'
    assert apply(BodyFilter(), body, model="new \xfc") == ('{"a":1,"model":"new ü","b":2}'.encode())
    assert apply(filter_of("own"), body, model="new") == b'{"a":1,"model":"own","b":2}'


def test_peers_have_filters_by_the_name_that_was_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    filters = {"setParams": {"a": 1}, "setParamsByID": {"p/x": {"a": 2}, "x": {"a": 3}}}
    peer = {"proxy": "http://h", "models": ["x", "y"], "filters": filters}
    file.write_text(json.dumps({"models": {}, "peers": {"p": peer}}))
    body_filter = compile_peer_filter(load(Sources(file), environ={}).config.peers["p"])
    for requested, value in (("p/x", 2), ("x", 3), ("y", 1), ("p/y", 1)):
        body = b'{"model":"%b"}' % requested.encode()
        assert apply(body_filter, body, requested, "x") == b'{"model":"x","a":%d}' % value


def test_a_body_to_which_no_filter_applies_is_forwarded_byte_for_byte(filter_of: FilterOf) -> None:
    body = decode_object(b' { "model" : "m",\n "a":{ "b" : 1.0 }, "n":[1,2] }\n')
    for body_filter in (
        BodyFilter(),
        filter_of(),
        filter_of(setParamsByID={"m:x": {"a": 1}}),
        filter_of(stripParams="b,a.c,a.b.c,n.2,n.x,n.0.x,x.y"),
    ):
        assert body_filter.apply(body, requested="m") is None


def test_what_no_filter_names_is_written_as_it_came(filter_of: FilterOf) -> None:
    body_filter = filter_of(stripParams="x.gone", setParams={"x.l.1": True, "temperature": 0.5})
    body = (
        b'{"big":12345678901234567890123,"d":[1.0, 1e400,-0],"model":"m","s":"\\u00fc\\/\xc3\xbc",'
        b'"x":{"e":1.10,"gone":0,"l":[1.0,2,{"k": [1.0]}],"z":"\\u0041"},"temperature":1,"end":{} }'
    )
    assert apply(body_filter, body) == (
        b'{"big":12345678901234567890123,"d":[1.0, 1e400,-0],"model":"m","s":"\\u00fc\\/\xc3\xbc",'
        b'"x":{"e":1.10,"l":[1.0,true,{"k": [1.0]}],"z":"\\u0041"},"temperature":0.5,"end":{}}'
    )


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, b"null"),
        (True, b"true"),
        (18446744073709551615, b"18446744073709551615"),
        (-9223372036854775808, b"-9223372036854775808"),
        (0.1, b"0.1"),
        ("ü\n", '"ü\\n"'.encode()),
        ([1, {"a": [None]}], b'[1,{"a":[null]}]'),
        ({"a": {"b": []}, "50256": -100}, b'{"a":{"b":[]},"50256":-100}'),
        ({}, b"{}"),
    ],
)
def test_values_are_written_as_json(filter_of: FilterOf, value: object, written: bytes) -> None:
    body_filter = filter_of(setParams={"p": value})
    assert apply(body_filter, b'{"model":"m"}') == b'{"model":"m","p":%b}' % written


@pytest.mark.parametrize(
    ("before", "key", "after"),
    [
        (None, "a.b", '{"b":0}'),
        (None, "a.b.c", '{"b":{"c":0}}'),
        (None, "a.50256", '{"50256":0}'),
        (None, "a.-1", "[0]"),
        ('{"x":1.0}', "a.b", '{"x":1.0,"b":0}'),
        ('{"b":1,"x":2}', "a.b", '{"b":0,"x":2}'),
        ('{"1":1}', "a.1", '{"1":0}'),
        ('{"b":{"c":1.0}}', "a.b.d.e", '{"b":{"c":1.0,"d":{"e":0}}}'),
        *((scalar, "a.b", '{"b":0}') for scalar in ("7", '"x"', "true", "null")),
        ('"x"', "a.-1", "[0]"),
        ("[1.0,2]", "a.0", "[0,2]"),
        ("[1.0,2]", "a.1", "[1.0,0]"),
        ("[1.0,2]", "a.2", "[1.0,2,0]"),
        ("[1.0,2]", "a.-1", "[1.0,2,0]"),
        ("[]", "a.0", "[0]"),
        ('[{"b":1.0}]', "a.0.c", '[{"b":1.0,"c":0}]'),
        ("[1]", "a.0.b", '[{"b":0}]'),
        ("[1]", "a.-1.b", '[1,{"b":0}]'),
        ("[[1.0]]", "a.0.-1", "[[1.0,0]]"),
        ("[1.0]", "a", "0"),
    ],
)
def test_paths_lead_into_objects_and_lists(
    filter_of: FilterOf, before: str | None, key: str, after: str
) -> None:
    member = "" if before is None else f',"a":{before}'
    body_filter = filter_of(setParams={key: 0})
    body = f'{{"model":"m"{member}}}'.encode()
    assert apply(body_filter, body) == f'{{"model":"m","a":{after}}}'.encode()


@pytest.mark.parametrize(
    ("before", "key", "after"),
    [
        ('{"b":1,"c":1.0}', "a.b", '{"c":1.0}'),
        ('{"b":{"c":1,"d":1.0}}', "a.b.c", '{"b":{"d":1.0}}'),
        ("[1,2.0,3]", "a.0", "[2.0,3]"),
        ("[1,2.0,3]", "a.-1", "[1,2.0]"),
        ('[{"b":1}]', "a.0.b", "[{}]"),
        ('[{"b":1}]', "a.-1.b", "[{}]"),
        ('{"0":1}', "a.0", "{}"),
        *(("[1.0 ]", key, "[1.0 ]") for key in ("a.1", "a.b", "a.0.0", "a.00000000000", "a.x.y")),
        ("[ ]", "a.-1", "[ ]"),
        ('"text" ', "a.b", '"text" '),
    ],
)
def test_paths_are_stripped(filter_of: FilterOf, before: str, key: str, after: str) -> None:
    body_filter = filter_of(stripParams=key)
    body = f'{{"model":"m","a":{before}}}'.encode()
    assert apply(body_filter, body) == f'{{"model":"m","a":{after}}}'.encode()


@pytest.mark.parametrize(
    ("key", "written"),
    [
        (r"a\.b", '"a.b":0'),
        (r"a\\.b", r'"a\\":{"b":0}'),
        (r"\a", '"a":0'),
        ("a\\", '"a":0'),
        ("a..b", '"a":{"":{"b":0}}'),
        ("", '"":0'),
        (".", '"":{"":0}'),
        ("*", '"*":0'),
        ("a?.#", '"a?":{"#":0}'),
        ("a|b.@this", '"a|b":{"@this":0}'),
        ("Model", '"Model":0'),
        ("ü.\n", r'"ü":{"\n":0}'),
    ],
)
def test_characters_of_a_key_are_themselves(filter_of: FilterOf, key: str, written: str) -> None:
    body = filter_of(setParams={key: 0})
    assert apply(body, b'{"model":"m"}') == f'{{"model":"m",{written}}}'.encode()


def test_settings_build_on_each_other(filter_of: FilterOf) -> None:
    body_filter = filter_of(
        stripParams="opts.a,opts.b",
        setParams={"opts.c": {"d": [1]}, "opts.c.d.-1": 2, "opts.c.e": 3},
        setParamsByID={"m": {"opts.c.d.0": {"f": 4}, "opts.z": 5}},
    )
    assert apply(body_filter, b'{"model":"m","opts":{"a":1,"k":1.0,"b":2}}') == (
        b'{"model":"m","opts":{"k":1.0,"c":{"d":[{"f":4},2],"e":3},"z":5}}'
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"setParams": {"tools.name": 1}},
            "setParams: cannot set 'tools.name': a list is in the way, and 'name' is no index",
        ),
        (
            {"setParamsByID": {"m": {"tools.x.y": 1}}},
            "setParamsByID['m']: cannot set 'tools.x.y': a list is in the way, and 'x' is no index",
        ),
        (
            {"setParams": {"tools.2": 1}},
            "setParams: cannot set 'tools.2': a list has only 1 elements, none at 2",
        ),
    ],
)
def test_a_list_in_the_way_of_a_word_is_an_error_that_names_the_parameter(
    filter_of: FilterOf, settings: dict[str, Any], message: str
) -> None:
    body = decode_object(b'{"model":"m","tools":[{}]}')
    body_filter = filter_of(**settings)
    with pytest.raises(FilterError) as error:
        body_filter.apply(body, requested="m")
    assert str(error.value) == message


def test_the_body_that_came_stays_as_it_is(filter_of: FilterOf) -> None:
    body = decode_object(b'{"model":"m","a":{"b":1}}')
    body_filter = filter_of(stripParams="a.b", setParams={"c": 1})
    for model in ("x", "y"):
        assert body_filter.apply(body, requested="m", model=model) == (
            b'{"model":"%b","a":{},"c":1}' % model.encode()
        )
        assert {name: bytes(raw) for name, raw in body.members.items()} == {
            "model": b'"m"',
            "a": b'{"b":1}',
        }


@pytest.mark.parametrize(
    ("body", "forwarded"),
    [
        (b'{"model":"a","x":1,"model":"m"}', b'{"model":"m","x":1}'),
        (b'{"model":"a", "x": 1, "mod\\u0065l":"m"}', b'{"model":"m","x":1}'),
        (b'{"model":"m","a":1,"a":2}', b'{"model":"m","a":1,"a":2}'),
    ],
)
def test_a_body_cannot_name_a_second_model_even_without_filters(
    body: bytes, forwarded: bytes
) -> None:
    assert apply(BodyFilter(), body) == forwarded


@pytest.mark.parametrize(
    ("settings", "body", "forwarded"),
    [
        ({"stripParams": "a"}, '{"a":1,"model":"m","a":2}', '{"model":"m"}'),
        ({"stripParams": "a"}, '{"a":1,"model":"m","\\u0061":2}', '{"model":"m"}'),
        ({"setParams": {"a": 0}}, '{"a":1,"model":"m","a":2}', '{"a":0,"model":"m"}'),
        # The last `a` has no b, but some parsers merge the two.
        ({"stripParams": "a.b"}, '{"a":{"b":1},"model":"m","a":{}}', '{"a":{},"model":"m"}'),
        (
            {"stripParams": "a.x.b"},
            '{"model":"m","a":{"x":{"b":1},"x":{}}}',
            '{"model":"m","a":{"x":{}}}',
        ),
        ({"stripParams": "a.b"}, '{"model":"m","a":{"b":1,"b":2}}', '{"model":"m","a":{}}'),
    ],
)
def test_a_member_that_occurs_twice_does_not_pass_a_filter(
    filter_of: FilterOf, settings: dict[str, Any], body: str, forwarded: str
) -> None:
    assert apply(filter_of(**settings), body.encode()) == forwarded.encode()


# Any body and any filter, against a plain rendering of the rules on Python's own objects.

_NAMES = st.sampled_from(["a", "b", "c", "0", "1", "-1", "x.y", "model"])
_SCALARS = st.sampled_from(
    ["1.0", "-0", "12345678901234567890123", "1e400", "true", "null", '"\\u00fc\\/"', '"a"']
)
_BLANK = st.sampled_from(["", "", " ", "\n"])


def _object(items: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    member = st.tuples(_NAMES, _BLANK, items).map(lambda m: f"{json.dumps(m[0])}:{m[1]}{m[2]}")
    return st.tuples(_BLANK, st.lists(member, max_size=5)).map(
        lambda o: f"{{{','.join(o[1])}{o[0]}}}"
    )


def _list(items: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(_BLANK, st.lists(items, max_size=3)).map(lambda o: f"[{','.join(o[1])}{o[0]}]")


_ITEMS = st.recursive(_SCALARS, lambda inner: _object(inner) | _list(inner), max_leaves=12)
_PATHS = st.lists(_NAMES, min_size=1, max_size=3).filter(lambda path: path[0] != "model")
_KEYS = _PATHS.map(lambda path: ".".join(part.replace(".", "\\.") for part in path))
_PARAMS = st.dictionaries(_KEYS, st.sampled_from([0, "v", {"a": {}}, [1, [2]]]), max_size=3)


def _read(text: bytes | str) -> Tree:
    """Parse with numbers as they are written."""
    return json.loads(text, parse_int=lambda n: (n,), parse_float=lambda n: (n,))


def _split(key: str) -> list[str]:
    return [part.replace("\0", ".") for part in key.replace("\\.", "\0").split(".")]


def _index(part: str, size: int, *, last: int) -> int:
    return last if part == "-1" else int(part) if part in {"0", "1"} and int(part) <= size else -1


def _set(tree: Tree, path: list[str], value: Tree) -> None:
    part, *rest = path
    key: Any = part
    if isinstance(tree, list):
        key = _index(part, len(tree), last=len(tree))
        if key < 0:
            raise IndexError
        if key == len(tree):
            tree.append(None)
    if not rest:
        tree[key] = value
        return
    present = tree.get(key) if isinstance(tree, dict) else tree[key]
    if not isinstance(present, dict | list):
        tree[key] = [] if rest[0] == "-1" else {}
    _set(tree[key], rest, value)


def _delete(tree: Tree, path: list[str]) -> None:
    part, *rest = path
    key: Any = part
    if isinstance(tree, list):
        key = _index(part, len(tree) - 1, last=len(tree) - 1)
        if key < 0:
            return
    elif not isinstance(tree, dict) or key not in tree:
        return
    if rest:
        _delete(tree[key], rest)
    else:
        del tree[key]


@given(
    text=_object(_ITEMS),
    stripped=st.lists(_KEYS, max_size=3, unique=True).map(sorted),
    params=_PARAMS,
    params_by_name=_PARAMS,
    name=st.sampled_from(["", "new"]),
)
def test_any_body_is_filtered_as_the_rules_say_and_keeps_all_else(
    text: str,
    stripped: list[str],
    params: dict[str, Tree],
    params_by_name: dict[str, Tree],
    name: str,
) -> None:
    by_name: Mapping[str, Any] = {"r": dict(sorted(params_by_name.items())), "other": {"a": 9}}
    filters = ModelFilters.model_construct(
        strip_params=", ".join(stripped),
        set_params=dict(sorted(params.items())),
        set_params_by_id=by_name,
    )
    body_filter = compile_model_filter(
        ModelConfig.model_construct(use_model_name=name, filters=filters)
    )
    expected = _read(text)
    settings = [*sorted(params.items()), *sorted(params_by_name.items())]
    if name:
        expected["model"] = name
    for key in stripped:
        _delete(expected, _split(key))
    came = decode_object(text.encode())
    try:
        for key, value in settings:
            _set(expected, _split(key), _read(json.dumps(value)))
    except IndexError:
        with pytest.raises(FilterError):
            body_filter.apply(came, requested="r")
        return
    changed = body_filter.apply(came, requested="r")
    forwarded = text.encode() if changed is None else changed
    assert repr(_read(forwarded)) == repr(expected)  # with the order of members
    after = decode_object(forwarded)
    assert not after.repeated or not (name or stripped or settings)
    assert "model" not in after.repeated
    touched = {_split(key)[0] for key in (*stripped, *(key for key, _ in settings))}
    for member, raw in came.members.items():
        if member not in touched | {"model"}:
            assert bytes(after.members[member]) == bytes(raw)
    if not (name or stripped or settings or came.repeated):
        assert changed is None
