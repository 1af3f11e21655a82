"""Where values were written, over several files and through the environment."""

from __future__ import annotations

from hotbay.config.origins import Origin, origins
from hotbay.config.sources import SourceText


def places(*texts: str, **environ: str) -> dict[str, Origin]:
    """Return the origins in files a, b and so on, by their paths with dots."""
    files = [SourceText(name, text) for name, text in zip("abc", texts, strict=False)]
    return {".".join(map(str, origin.path)): origin for origin in origins(files, environ=environ)}


def test_a_list_of_several_files_names_all_of_them() -> None:
    found = places("apiKeys: [one]\n", "logLevel: info\n\napiKeys:\n- two\n- three\n")
    assert (found["apiKeys"].file, found["apiKeys"].line) == ("a", 1)
    assert found["apiKeys"].also == (("b", 4),)
    assert (found["logLevel"].file, found["logLevel"].also) == ("b", ())


def test_a_value_that_the_environment_leaves_empty_is_a_default() -> None:
    text = "globalTTL: ${env.TTL}\n"
    assert places(text, TTL="") == {}
    assert places(text, TTL="5")["globalTTL"].variables == ("TTL",)


def test_variables_are_told_in_lists_and_not_for_what_is_around() -> None:
    text = "models:\n  a:\n    env: ['A=${env.A}', 'B=${env.B}${env.A}']\n    name: ${x}\n"
    found = places(text, A="1", B="2")
    assert found["models.a.env"].variables == ("A", "B")
    assert found["models.a"].variables == ()
    assert (found["models.a.name"].macros, found["models.a.name"].variables) == (("x",), ())


def test_a_merged_value_stands_where_it_was_written() -> None:
    text = "models:\n  a: &base\n    cmd: x\n    ttl: 5\n  b:\n    <<: *base\n    ttl: 7\n"
    found = places(text)
    assert (found["models.b.cmd"].line, found["models.b.ttl"].line) == (3, 7)


def test_no_file_says_nothing() -> None:
    assert origins([]) == ()
