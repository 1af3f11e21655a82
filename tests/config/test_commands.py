"""Command texts to arguments (spec/config-loading.md 7)."""

from __future__ import annotations

import shlex
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotbay.config import Config
from hotbay.config.commands import split_command, strip_comments

Configs = Callable[..., Config]


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("run a\\ b \"c d\"'e f'", ("run", "a b", "c de f")),
        ("run \\\n  --x 1 \\\n# note\n --y", ("run", "--x", "1", "--y")),
        ('run --j \'{"k": 1}\' ""', ("run", "--j", '{"k": 1}', "")),
        ('run "open', ("run", "open")),
        ("run 'open", ("run", "open")),
        ("run a#b #c", ("run", "a#b", "#c")),
        ("C:\\bin\\x.exe", ("C:binx.exe",)),
        ('run "a\\$b\\n"', ("run", "a$b\\n")),
        ('run "\\`\\"\\\\"', ("run", '`"\\')),
        ("run 'a\\b'", ("run", "a\\b")),
        ('x="a b"c', ("x=a bc",)),
        ("''", ("",)),
        ("a\tb\nc", ("a", "b", "c")),
        ("a\rb\fc\u00a0d", ("a\rb\fc\u00a0d",)),
        (
            "run ~ $HOME *.x | cat > y $(z)",
            ("run", "~", "$HOME", "*.x", "|", "cat", ">", "y", "$(z)"),
        ),
        ('"abc\\', ("abc ",)),
        ("run a\\\nb", ("run", "a", "b")),
        ("   run   --x   ", ("run", "--x")),
        ("  serve # x", ("serve", "#", "x")),
        ("# only\n  # comments", ()),
        (" \n\t ", ()),
        ("\\", ()),
    ],
)
def test_posix_rules(text: str, arguments: tuple[str, ...]) -> None:
    assert split_command(text, windows=False) == arguments


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        (r'C:\b\x.exe -m "C:\a b\c"', (r"C:\b\x.exe", "-m", r"C:\a b\c")),
        ("x 'a b'", ("x", "'a", "b'")),
        ('x "a""b"', ("x", 'a"b')),
        (r'x "c:\d\\" y', ("x", "c:\\d\\", "y")),
        (r"x a\"b", ("x", 'a"b')),
        (r'x "a\"b c"', ("x", 'a"b c')),
        (r'x \\\"c" d"', ("x", '\\"c d')),
        (r"a\\b \\srv\share", (r"a\\b", r"\\srv\share")),
        ('x "" y', ("x", "", "y")),
        ('""""', ('"',)),
        ('x a"b c"d', ("x", "ab cd")),
        ('x "open y', ("x", "open y")),
        ("a\rb\nc\td", ("a", "b", "c", "d")),
        ("run \\\n  --x", ("run", "--x")),
        ("", ()),
    ],
)
def test_windows_rules(text: str, arguments: tuple[str, ...]) -> None:
    assert split_command(text, windows=True) == arguments


# Where the two agree: closed quotes, no carriage return, no backslash before a newline or
# at the end, and within double quotes no backslash but before a quote or a backslash.
WORD = st.text(st.characters(codec="utf-8", exclude_characters="\\'\"\n\r \t#"), min_size=1)
PIECE = st.one_of(
    WORD,
    st.text(st.characters(codec="utf-8", exclude_characters="'\n\r#\\")).map(lambda t: f"'{t}'"),
    st.text(st.characters(codec="utf-8", exclude_characters='"\n\r#\\')).map(lambda t: f'"{t}"'),
    st.sampled_from(["\\ ", "\\'", '\\"', "\\\\", '"\\""', '"\\\\"', "\\x"]),
)
COMMAND = st.lists(st.lists(PIECE, min_size=1).map("".join)).map(" \t".join)


@given(COMMAND.filter(lambda text: not text.strip().endswith("\\")))
def test_posix_rules_agree_with_shlex(text: str) -> None:
    assert list(split_command(text, windows=False)) == shlex.split(text)


@given(st.text())
def test_any_text_is_split_on_either_platform(text: str) -> None:
    for windows in (False, True):
        arguments = split_command(text, windows=windows)
        assert sum(map(len, arguments)) <= len(text)


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\n"), min_size=1)))
def test_quoted_arguments_come_back(arguments: list[str]) -> None:
    command = "'" + "' '".join(a.replace("'", "'\\''") for a in arguments) + "'"
    assert split_command(command, windows=False) == (tuple(arguments) if arguments else ("",))


def test_comment_lines_are_stripped_and_empty_lines_stay() -> None:
    text = "run\n\n  # a comment\n\t#another\n -x # not this\n"
    assert strip_comments(text) == "run\n\n -x # not this\n"


def test_a_folded_command_that_begins_with_a_comment_is_empty(
    load_text: Callable[..., object], warnings_of: Callable[..., list[str]]
) -> None:
    text = "models:\n  a:\n    proxy: http://x\n    cmd: >\n      # note\n      run\n"
    (warning,) = warnings_of(text)
    assert "models.a.cmd: the command is empty" in warning


def test_a_comment_line_from_a_macro_is_dropped_when_the_command_is_split(
    config_of: Configs,
) -> None:
    config = config_of(
        'macros: {m: "# ${MODEL_ID}\\n--x"}\nmodels: {a: {proxy: "http://x", cmd: "run\\n${m}"}}'
    )
    assert config.models["a"].argv == ("run", "--x")


def test_commands_are_split_as_the_platform_does(config_of: Configs) -> None:
    text = "models: {a: {proxy: 'http://x', cmd: 'C:\\x.exe \"a b\"'}}"
    assert config_of(text, windows=True).models["a"].argv == (r"C:\x.exe", "a b")
    assert config_of(text).models["a"].argv == ("C:x.exe", "a b")


def test_windows_has_a_stop_command_by_default(config_of: Configs) -> None:
    text = "models: {a: {proxy: 'http://x', cmd: run}}"
    stop = config_of(text, windows=True).models["a"].stop_argv
    assert stop == ("taskkill", "/f", "/t", "/pid", "${PID}")
    assert config_of(text).models["a"].stop_argv == ()
