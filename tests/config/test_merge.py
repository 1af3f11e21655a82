"""Sources, and merging several of them (spec/config-loading.md 1 and 8)."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotbay.config import Config, ConfigError, Sources, load


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


def load_parts(tmp_path: Path, *texts: str) -> Config:
    names = {f"p{n}": text for n, text in enumerate(texts)}
    return load(Sources(None, write(tmp_path / "conf.d", **names)), environ={"V": "value"}).config


def errors(tmp_path: Path, *texts: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_parts(tmp_path, *texts)
    folder = f"{tmp_path / 'conf.d'}/"
    return [str(problem).replace(folder, "") for problem in caught.value.problems]


def test_the_example(tmp_path: Path) -> None:
    base = tmp_path / "base.yaml"
    base.write_text("globalTTL: 60\napiKeys: [k1]\nmodels: {a: {cmd: x, proxy: 'http://x'}}")
    folder = tmp_path / "conf.d"
    folder.mkdir()
    part = "globalTTL: {}\napiKeys: [k2]\nmodels: {{{}: {{cmd: x, proxy: 'http://x'}}}}"
    (folder / "20-x.yml").write_text(part.format(60, "b"))
    config = load(Sources(base, folder), environ={}).config
    assert config.global_ttl == 60
    assert config.api_keys == ("k1", "k2")
    assert list(config.models) == ["a", "b"]

    (folder / "20-x.yml").write_text(part.format(61, "a"))
    with pytest.raises(ConfigError) as caught:
        load(Sources(base, folder), environ={})
    found = [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]
    assert found == [
        f"20-x.yml:1:12: globalTTL: globalTTL has another value in {base}",
        f"20-x.yml:3:10: models.a: the model 'a' is already defined in {base}",
    ]


def test_no_source_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no configuration: give --config FILE or"):
        load(Sources(None, None))


def test_the_directorys_files_are_picked_by_suffix_and_sorted(tmp_path: Path) -> None:
    for name in ("a.yml", "a.yaml", "A.yaml", ".hidden.yml", "X.YAML", "x.yaml.bak", "notes.txt"):
        (tmp_path / name).write_text("")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "z.yaml").write_text("")
    picked = [file.name for file in Sources(None, tmp_path).files()]
    assert picked == [".hidden.yml", "A.yaml", "a.yaml", "a.yml"]


def test_the_file_comes_first(tmp_path: Path) -> None:
    file = tmp_path / "zz.conf"
    file.write_text("")
    (tmp_path / "a.yaml").write_text("")
    assert Sources(file, tmp_path).files() == (file, tmp_path / "a.yaml")


@pytest.mark.parametrize("name", ["a.yaml", "./sub/../a.yaml"])
def test_one_file_must_not_be_merged_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.yaml").write_text("")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"a\.yaml: the file given with --config also lies in"):
        load(Sources(Path(name), tmp_path))


@pytest.mark.parametrize("name", ["gone.yaml", "folder"])
def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError, match=f"{name}: cannot read the file: "):
        load(Sources(tmp_path / name))


@pytest.mark.parametrize("name", ["gone", "file"])
def test_a_directory_that_cannot_be_read_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=f"{name}: cannot read the directory: "):
        load(Sources(None, tmp_path / name))


def test_an_empty_directory_is_an_error_without_a_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no \*\.yml or \*\.yaml files"):
        load(Sources(None, tmp_path))
    file = tmp_path / "file.conf"
    file.write_text("globalTTL: 5")
    assert load(Sources(file, tmp_path)).config.global_ttl == 5


def test_empty_sources_are_the_default_configuration(tmp_path: Path) -> None:
    assert dict(load_parts(tmp_path, "", "# nothing\n", "~").models) == {}


def test_every_file_with_broken_yaml_is_named(tmp_path: Path) -> None:
    found = errors(tmp_path, "a: [", "globalTTL: many", "b: {")
    assert [error.partition(":")[0] for error in found] == ["p0.yaml", "p2.yaml"]


MODEL = "{{{}: {{cmd: x, proxy: 'http://x'}}}}"


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        ("models: {a: {cmd: x}}", "models: {a: {cmd: x}}", "the model 'a'"),
        ("groups: {g: {}}", "groups: {g: {}}", "the group 'g'"),
        ("profiles: {p: {}}", "profiles: {p: {}}", "the profile 'p'"),
        ("selectors: {s: {}}", "selectors: {s: {}}", "the selector 's'"),
        ("peers: {p: {}}", "peers: {p: {}}", "the peer 'p'"),
        ("matrix: {sets: {a: x}}", "matrix: {sets: {b: x}}", "the matrix part 'sets'"),
        (
            "routing: {router: {settings: {groups: {g: {}}}}}",
            "routing: {router: {settings: {groups: {g: {}}}}}",
            "the group 'g'",
        ),
        (
            "routing: {router: {settings: {matrix: {vars: {}}}}}",
            "routing: {router: {settings: {matrix: {vars: {}}}}}",
            "the matrix part 'vars'",
        ),
    ],
)
def test_a_name_may_come_from_one_file_only(
    tmp_path: Path, first: str, second: str, kind: str
) -> None:
    found = errors(tmp_path, first, second)
    folder = tmp_path / "conf.d"
    expected = f"{kind} is already defined in {folder}/p0.yaml".replace(f"{folder}/", "")
    assert any(error.startswith("p1.yaml:") and expected in error for error in found)


def test_parts_of_a_matrix_may_come_from_different_files(tmp_path: Path) -> None:
    config = load_parts(
        tmp_path,
        "models: " + MODEL.format("m"),
        "matrix: {vars: {v: m}}",
        "matrix: {sets: {s: v}}",
    )
    matrix = config.routing.router.settings.matrix
    assert matrix is not None
    assert dict(matrix.vars) == {"v": "m"}
    assert dict(matrix.sets) == {"s": "v"}


def test_mappings_are_merged_and_order_follows_the_sources(tmp_path: Path) -> None:
    config = load_parts(
        tmp_path,
        "macros: {a: x}\nhooks: {on_startup: {preload: [m]}}\nui: {activity: {session_id: [A]}}",
        'macros: {b: "${a}y"}\nhooks: {on_startup: {preload: [n]}}\nperformance: {every: 6s}',
        "models: {m: {cmd: '${b}', proxy: 'http://x'}, n: {cmd: x, proxy: 'http://x'}}",
    )
    assert config.models["m"].cmd == "xy"
    assert config.hooks.on_startup.preload == ("m", "n")
    assert config.ui.activity.session_id == ("A",)
    assert config.performance.every == 6


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("logLevel: debug", "logLevel: 'debug'"),
        ("startPort: 16", "startPort: 0x10"),
        ("globalTTL: 5", "globalTTL: ~"),
        ("globalTTL: null", "globalTTL: 5"),
        ("models:", "models: " + MODEL.format("a")),
        ("models: {a: ~}", "models: " + MODEL.format("a")),
        ("models: " + MODEL.format("a"), "models: {a: }"),
        ("apiKeys: [k]", "apiKeys: [k]"),
    ],
)
def test_what_can_be_merged(tmp_path: Path, first: str, second: str) -> None:
    load_parts(tmp_path, first, second)


def test_lists_are_joined_with_repeats(tmp_path: Path) -> None:
    assert load_parts(tmp_path, "apiKeys: [k, l]", "apiKeys: [k]").api_keys == ("k", "l", "k")


@pytest.mark.parametrize(
    ("first", "second", "error"),
    [
        ("own: 100", "own: '100'", "own has another value"),
        ("own: true", "own: 1", "own has another value"),
        ("own: 1", "own: 1.0", "own has another value"),
        ("own: {deep: a}", "own: {deep: b}", "own.deep has another value"),
        ("own: [a]", "own: a", "own is of another kind"),
        ("own: {a: 1}", "own: [a]", "own is of another kind"),
    ],
)
def test_what_cannot_be_merged(tmp_path: Path, first: str, second: str, error: str) -> None:
    (found,) = errors(tmp_path, first, second)
    assert found.startswith("p1.yaml:1:")
    assert error in found


def test_the_environment_and_anchors_belong_to_each_file(tmp_path: Path) -> None:
    part = (
        "defs{0}: {{x: &x {{cmd: 'run{0} ${{env.V}}', proxy: 'http://x'}}}}\nmodels: {{m{0}: *x}}"
    )
    config = load_parts(tmp_path, part.format(1), part.format(2))
    assert config.models["m1"].argv == ("run1", "value")
    assert config.models["m2"].argv == ("run2", "value")


def test_an_anchor_of_another_file_is_unknown(tmp_path: Path) -> None:
    assert "no anchor &x" in errors(tmp_path, "defs: &x {}", "models: {a: *x}")[0]


def test_an_alias_in_two_files_is_found(tmp_path: Path) -> None:
    part = "models: {{{}: {{cmd: x, proxy: 'http://x', aliases: [same]}}}}"
    (found,) = errors(tmp_path, part.format("a"), part.format("b"))
    assert found == (
        "p1.yaml:1:51: models.b.aliases[0]: 'same' is already an alias of the model 'a'"
    )
