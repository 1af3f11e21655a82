"""The model listing (spec/http-api.md 6)."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from tests.api.conftest import Serve, Served
from tests.journeys.conftest import command

TOGETHER = {"both": {"swap": False, "members": ["a", "b"]}}
PEER = {"proxy": "http://127.0.0.1:9", "models": ["rose", "lab/iris", "rose"]}


async def listed(served: Served, path: str = "/v1/models") -> dict[str, dict[str, Any]]:
    answer = await served.get(path)
    assert answer.status == 200
    assert answer.json["object"] == "list"
    return {record["id"]: record for record in answer.json["data"]}


@pytest.mark.parametrize("path", ["/v1/models", "/models"])
async def test_a_bare_model_has_just_the_fields_that_are_always_there(
    serve: Serve, path: str
) -> None:
    served = await serve(mist={})
    before = int(time.time())
    record = (await listed(served, path))["mist"]
    assert before <= record.pop("created") <= time.time()
    assert record == {
        "id": "mist",
        "object": "model",
        "owned_by": "llama-swap",
        "meta": {"llamaswap": {"type": "model"}},
        "status": {"value": "unloaded"},
    }


async def test_no_models_are_an_empty_list(serve: Serve) -> None:
    assert await listed(await serve()) == {}


async def test_records_are_sorted_by_id_in_byte_order(serve: Serve) -> None:
    served = await serve({"peers": {"far": PEER}}, b={}, Z={}, a={}, **{"é": {}, "m/x": {}})
    names = list(await listed(served))
    assert names == ["Z", "a", "b", "far/lab/iris", "far/rose", "m/x", "é"]


async def test_name_and_description_are_trimmed_and_left_out_when_blank(serve: Serve) -> None:
    served = await serve(
        named={"name": "  Mist ", "description": " small\n"},
        blank={"name": "  ", "description": "\t"},
    )
    records = await listed(served)
    assert (records["named"]["name"], records["named"]["description"]) == ("Mist", "small")
    assert not {"name", "description"} & records["blank"].keys()


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        (
            {"in": ["text", "image"], "out": ["text"], "tools": True, "context": 32768},
            {
                "architecture": {
                    "input_modalities": ["text", "image"],
                    "output_modalities": ["text"],
                    "modality": "text+image->text",
                },
                "capabilities": {"vision": True, "function_calling": True},
                "supported_parameters": ["tools", "tool_choice"],
                "context_length": 32768,
            },
        ),
        (
            {"in": ["audio"], "out": ["text"]},
            {
                "architecture": {
                    "input_modalities": ["audio"],
                    "output_modalities": ["text"],
                    "modality": "audio->text",
                },
                "capabilities": {"audio_transcriptions": True},
            },
        ),
        (
            {"in": ["text", "image"], "out": ["audio", "image"]},
            {
                "architecture": {
                    "input_modalities": ["text", "image"],
                    "output_modalities": ["audio", "image"],
                    "modality": "text+image->audio+image",
                },
                "capabilities": {
                    "vision": True,
                    "audio_speech": True,
                    "image_generation": True,
                    "image_to_image": True,
                },
            },
        ),
        ({"in": ["text"]}, {"architecture": {"input_modalities": ["text"]}}),
        ({"out": ["text"]}, {"architecture": {"output_modalities": ["text"]}}),
        ({"reranker": True}, {"capabilities": {"reranker": True}}),
        ({}, {}),
    ],
)
async def test_capabilities_become_what_clients_look_for(
    serve: Serve, capabilities: dict[str, Any], expected: dict[str, Any]
) -> None:
    record = (await listed(await serve(m={"capabilities": capabilities})))["m"]
    told = {"architecture", "capabilities", "supported_parameters", "context_length"}
    assert {key: record[key] for key in told & record.keys()} == expected
    assert record["meta"].get("n_ctx") == capabilities.get("context")


METADATA = {
    "licence": "mit",
    "architecture": "x86",
    "capabilities": [1],
    "supported_parameters": None,
    "context_length": 1,
}


async def test_capabilities_hide_the_metadata_that_they_replace(serve: Serve) -> None:
    served = await serve(
        plain={"metadata": METADATA},
        able={"metadata": METADATA, "capabilities": {"reranker": True}},
    )
    records = await listed(served)
    assert records["plain"]["meta"]["llamaswap"] == {**METADATA, "type": "model"}
    assert records["able"]["meta"]["llamaswap"] == {"licence": "mit", "type": "model"}


async def test_metadata_may_be_anything_that_json_can_say(serve: Serve) -> None:
    anything = {"deep": {"er": [{"x": None}, 1.5, "é"], "none": {}}, "list": [], "big": 2**80}
    selector = {"strategy": "pin", "targets": ["m"], "metadata": anything}
    records = await listed(await serve({"selectors": {"s": selector}}, m={"metadata": anything}))
    assert records["m"]["meta"]["llamaswap"] == {**anything, "type": "model"}
    assert records["s"]["meta"]["llamaswap"].items() >= anything.items()


async def test_own_members_win_over_metadata(serve: Serve) -> None:
    served = await serve(m={"metadata": {"type": "x", "aliases": 7}, "aliases": ["n"]})
    assert (await listed(served))["m"]["meta"]["llamaswap"] == {"type": "model", "aliases": ["n"]}


async def test_aliases_are_listed_only_when_asked_for(serve: Serve) -> None:
    model = {"name": "Mist", "aliases": ["fog", " haze "], "capabilities": {"context": 5}}
    without = await listed(await serve(mist=model))
    assert list(without) == ["mist"]
    assert without["mist"]["meta"]["llamaswap"]["aliases"] == ["fog", " haze "]


async def test_an_alias_repeats_its_model(serve: Serve) -> None:
    model = {"name": "Mist", "aliases": ["fog", " haze "], "metadata": {"k": 1}}
    model["capabilities"] = {"context": 5}
    records = await listed(
        await serve(
            {"includeAliasesInList": True}, mist=model, dark={"aliases": ["d"], "unlisted": True}
        )
    )
    assert list(records) == ["fog", "haze", "mist"]
    assert records["fog"]["name"] == "Mist"
    assert records["fog"]["context_length"] == 5
    assert records["fog"]["meta"] == {
        "llamaswap": {"k": 1, "type": "alias", "modelID": "mist"},
        "n_ctx": 5,
    }


async def test_names_with_parameters_of_their_own_are_aliases(serve: Serve) -> None:
    filters = {"setParamsByID": {"mist:hot": {"temperature": 2}}}
    records = await listed(await serve(mist={"filters": filters}))
    assert records["mist"]["meta"]["llamaswap"]["aliases"] == ["mist:hot"]


async def test_unlisted_models_and_selectors_stay_out(serve: Serve) -> None:
    selector = {"strategy": "pin", "targets": ["a"], "unlisted": True}
    served = await serve({"selectors": {"s": selector}}, a={"unlisted": True}, b={})
    assert list(await listed(served)) == ["b"]


async def test_a_peers_model_is_listed_once_under_its_full_name(serve: Serve) -> None:
    records = await listed(await serve({"peers": {"far": PEER}}))
    record = records["far/rose"]
    assert record["name"] == "far: rose"
    assert "description" not in record
    assert record["meta"] == {"llamaswap": {"type": "peer", "peerID": "far"}}
    assert record["status"] == {"value": "unloaded"}


async def test_a_selector_tells_its_strategy_and_targets(serve: Serve) -> None:
    selectors = {
        "spill": {
            "name": " Spill ",
            "strategy": "spillover",
            "targets": ["a", "b"],
            "metadata": {"k": [1]},
            "settings": {"spillover": 3},
        },
        "pinned": {"strategy": "pin", "targets": ["b"]},
    }
    records = await listed(await serve({"selectors": selectors, "groups": TOGETHER}, a={}, b={}))
    assert records["spill"]["name"] == "Spill"
    assert records["spill"]["meta"]["llamaswap"] == {
        "k": [1],
        "type": "selector",
        "strategy": "spillover",
        "targets": ["a", "b"],
        "spillover": 3,
    }
    assert "spillover" not in records["pinned"]["meta"]["llamaswap"]


async def test_the_status_says_what_is_loaded(serve: Serve) -> None:
    selectors = {
        "first": {"strategy": "pin", "targets": ["a", "b"]},
        "other": {"strategy": "pin", "targets": ["b", "a"]},
        "any": {"strategy": "warm", "targets": ["b", "a"]},
    }
    served = await serve(
        {"selectors": selectors, "includeAliasesInList": True}, a={"aliases": ["alpha"]}, b={}
    )
    await served.use("a")
    loaded = {
        name for name, r in (await listed(served)).items() if r["status"]["value"] == "loaded"
    }
    assert loaded == {"a", "alpha", "first", "any"}
    assert (await served.get("/unload")).status == 200
    assert {r["status"]["value"] for r in (await listed(served)).values()} == {"unloaded"}


async def test_a_starting_model_counts_as_loaded(serve: Serve) -> None:
    served = await serve(slow={"cmd": command(never=1)})
    headers = {"Content-Type": "application/json"}
    async with asyncio.TaskGroup() as tasks:
        asking = served.ask("POST", "/v1/completions", headers, {"model": "slow"})
        task = tasks.create_task(asking)
        await served.logged(r"\[INFO\] slow: starting")
        record = (await listed(served))["slow"]
        assert record["status"] == {"value": "loaded"}
        assert (await served.get("/running")).json["running"][0]["state"] == "starting"
        assert (await served.ask("POST", "/api/models/unload")).json == {"msg": "ok"}
    assert task.result().status == 500
    assert task.result().error == "unspecific error: group: model unloaded"


async def test_the_origin_is_repeated(serve: Serve) -> None:
    served = await serve(a={})
    answer = await served.get("/v1/models", Origin="https://chat.example")
    assert answer.headers["Access-Control-Allow-Origin"] == "https://chat.example"
    assert (await served.get("/models")).headers["Access-Control-Allow-Origin"] is None
    assert (await served.get("/running", Origin="https://chat.example")).headers[
        "Access-Control-Allow-Origin"
    ] is None


async def test_names_that_only_the_active_profile_has_are_listed(serve: Serve) -> None:
    taken = ("a", "ay", "hidden", "either", "rose")
    pins = {"new": "a", "off": None, **dict.fromkeys(taken, "b")}
    served = await serve(
        {
            "profiles": {"p": {"pins": pins}, "q": {"pins": {"other": "a"}}},
            "peers": {"far": PEER},
            "selectors": {"either": {"strategy": "warm", "targets": ["a"], "unlisted": True}},
        },
        a={"aliases": ["ay"]},
        b={},
        hidden={"unlisted": True},
    )
    before = await listed(served)
    await served.ask("PUT", "/api/profiles/active", body={"name": "p"})
    during = await listed(served)
    assert during.keys() - before.keys() == {"new"}
    record = during["new"]
    assert isinstance(record.pop("created"), int)
    assert record == {
        "id": "new",
        "object": "model",
        "owned_by": "llama-swap",
        "meta": {"llamaswap": {"type": "profile"}},
        "status": {"value": "unloaded"},
    }
    await served.ask("PUT", "/api/profiles/active", body={"name": None})
    assert (await listed(served)).keys() == before.keys()
