"""How the command line of `hotbay llama-server` is read."""

from __future__ import annotations

import pytest

from hotbay.llamacpp.command_line import Action, OptionError, help_text, parse
from hotbay.llamacpp.options import OPTIONS, REFUSED, Option


def read(line: str) -> list[tuple[str, str]]:
    """The first spelling of each option that was read, and its value."""
    return [(setting.option.flags[0], setting.value) for setting in parse(line.split()).settings]


def refusal(line: str) -> str:
    with pytest.raises(OptionError) as refused:
        parse(line.split())
    return str(refused.value)


@pytest.mark.parametrize(
    ("flag", "option"),
    [pytest.param(flag, option, id=flag) for option in OPTIONS for flag in option.flags],
)
def test_every_spelling_is_understood(flag: str, option: Option) -> None:
    (setting,) = parse([flag, "x"] if option.value else [flag]).settings
    assert setting.option is option


@pytest.mark.parametrize("line", ["-c 4096", "-c=4096", "--ctx-size 4096", "--ctx-size=4096"])
def test_a_value_follows_or_stands_behind_an_equals_sign(line: str) -> None:
    assert read(line) == [("-c", "4096")]


def test_underscores_are_hyphens_as_in_llama_server() -> None:
    assert read("--ctx_size=1 --no_slots") == [("-c", "1"), ("--slots", "off")]


def test_a_value_may_look_like_an_option() -> None:
    assert read("--seed -1 --alias -x") == [("-s", "-1"), ("-a", "-x")]


def test_a_value_keeps_its_equals_signs() -> None:
    assert read("-ot=a=CPU --override-tensor b=CPU") == [("-ot", "a=CPU"), ("-ot", "b=CPU")]


def test_flash_attention_needs_no_value() -> None:
    assert read("-fa -c 1") == [("-fa", "on"), ("-c", "1")]
    assert read("-fa off -fa") == [("-fa", "off"), ("-fa", "on")]


def test_the_order_is_kept() -> None:
    assert read("--no-jinja -c 1 --jinja") == [("--jinja", "off"), ("-c", "1"), ("--jinja", "on")]


@pytest.mark.parametrize("flag", ["-h", "--help", "--usage"])
def test_help_is_asked_for(flag: str) -> None:
    assert parse(["-c", "1", flag]).action is Action.HELP


def test_the_version_is_asked_for() -> None:
    assert parse(["--version"]).action is Action.VERSION


@pytest.mark.parametrize(
    ("line", "nearest"),
    [
        ("--ctx-sise 1", "--ctx-size"),
        ("--gpu-layer 1", "--gpu-layers"),
        ("--no-webgui", "--no-webui"),
        ("--embeding", "--embedding"),
        ("--hlep", "--help"),
    ],
)
def test_an_unknown_option_is_named_with_the_nearest_known_one(line: str, nearest: str) -> None:
    flag = line.split(maxsplit=1)[0]
    assert refusal(line) == f"invalid argument: {flag} (did you mean {nearest}?)"


def test_a_word_that_is_no_option_is_named() -> None:
    assert refusal("model.gguf") == "invalid argument: model.gguf (-h lists the options)"


def test_a_missing_value_is_told() -> None:
    assert refusal("-c") == "-c: a value is missing (N)"


@pytest.mark.parametrize("line", ["--jinja=on", "--no-jinja=off"])
def test_a_value_that_is_not_wanted_is_told(line: str) -> None:
    assert refusal(line) == f"{line.partition('=')[0]}: takes no value"


@pytest.mark.parametrize("flag", REFUSED)
def test_an_option_that_is_gone_or_not_offered_says_what_to_do(flag: str) -> None:
    assert refusal(flag) == f"{flag}: {REFUSED[flag]}"


def test_mapping_is_switched_off_by_the_load_mode() -> None:
    assert refusal("--no-mmap") == "--no-mmap: gone from llama.cpp: use --load-mode none"


def test_the_help_has_every_spelling_and_fits_a_terminal() -> None:
    text = help_text()
    words = text.replace(",", " ").split()
    assert {flag for option in OPTIONS for flag in option.flags + option.off} <= set(words)
    described = [line for line in text.splitlines() if line.startswith("      ")]
    assert len(described) >= len(OPTIONS)
    assert max(map(len, described)) <= 80
