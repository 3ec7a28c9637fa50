"""What every Dockerfile keeps to, and what the files in the images do."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.chart.layers import ROOT

IMAGES = ROOT / "images"
DOCKERFILES = sorted(IMAGES.glob("*/Dockerfile"))
USER_IMAGES = [path for path in DOCKERFILES if path.parent.name != "hub"]
every = pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
each_user = pytest.mark.parametrize("path", USER_IMAGES, ids=lambda path: path.parent.name)
KNOWN = ["ARG", "COPY", "ENV", "FROM", "RUN", "USER"]


def lines(path):
    """Instructions with their arguments, continued lines joined, comments left out."""
    text = re.sub(r"^\s*#.*\n", "", path.read_text(), flags=re.MULTILINE)
    joined = re.sub(r"\\\n\s*", " ", text)
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]


def of(path, word):
    return [argument for instruction, argument in lines(path) if instruction == word]


def test_there_is_one_dockerfile_for_each_image():
    names = [path.parent.name for path in DOCKERFILES]
    assert names == ["hub", "pytorch-cuda", "tensorflow-cuda", "user-base"]


@every
def test_only_instructions_that_every_builder_knows_are_used(path):
    assert {word for word, _ in lines(path)} <= set(KNOWN)
    assert "--mount" not in path.read_text()


@every
def test_the_base_is_pinned_and_comes_from_quay(path):
    pins = dict(argument.split("=", 1) for argument in of(path, "ARG"))
    [base] = of(path, "FROM")
    base = re.sub(r"\$\{(\w+)\}", lambda found: pins[found[1]], base)
    registry, tag = base.rsplit(":", 1)
    assert registry.startswith("quay.io/")
    assert re.search(r"\d", tag), tag
    assert "latest" not in tag


@every
def test_the_image_does_not_run_as_root(path):
    last = of(path, "USER")[-1]
    assert last == ("1000" if path.parent.name == "hub" else "${NB_UID}")


@every
def test_nothing_is_installed_past_what_the_base_is_pinned_to(path):
    for command in re.findall(r"pip install[^&|;]*", " ".join(of(path, "RUN"))):
        assert "--no-cache-dir" in command
        assert "--constraint" in command
    assert "pip check" in " ".join(of(path, "RUN"))
    assert "--force-reinstall" not in path.read_text()


@every
def test_everything_that_is_copied_is_there(path):
    for argument in of(path, "COPY"):
        *sources, _ = argument.split()
        built = [source for source in sources if source.startswith("dist/")]
        missing = [s for s in sources if s not in built and not (ROOT / s).exists()]
        assert missing == []


@every
def test_everything_that_is_copied_reaches_the_builder(path):
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    for argument in of(path, "COPY"):
        for source in argument.split()[:-1]:
            assert any(line == f"!{source.split('/')[0]}/" for line in allowed) or (
                source.startswith("dist/") and "!dist/*.whl" in allowed
            )


@every
def test_nothing_is_said_that_the_chart_or_the_home_volume_would_undo(path):
    text = " ".join(word for word, _ in lines(path))
    assert not {"WORKDIR", "CMD", "ENTRYPOINT"} & set(text.split())
    assert "labextension" not in path.read_text()


@every
def test_no_secret_is_built_in(path):
    assert not re.search(r"(PASSWORD|SECRET|TOKEN)", path.read_text(), re.IGNORECASE)


@each_user
def test_each_user_image_can_start_a_server_and_stops_itself_when_idle(path):
    text = path.read_text()
    assert "jupyterhub-singleuser --version" in text
    assert "COPY images/common/jupyter_server_config.json /etc/jupyter/\n" in text


@each_user
def test_each_user_image_has_one_framework_at_most(path):
    found = {word for word in ("pytorch", "tensorflow") if word in " ".join(of(path, "FROM"))}
    other = {"pytorch": "import tensorflow", "tensorflow": "import torch"}
    assert not [word for word in found if other[word] in path.read_text()]
    assert found == {path.parent.name.removesuffix("-cuda")} & {"pytorch", "tensorflow"}


@pytest.mark.parametrize(
    "path", sorted(IMAGES.glob("*/requirements*.txt")), ids=lambda path: path.name
)
def test_every_added_package_is_pinned(path):
    wanted = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    assert wanted
    assert all(re.fullmatch(r"[a-z0-9-]+==[\w.]+", line) for line in wanted)


@pytest.mark.slow
def test_jupyter_server_takes_every_setting_of_ours(tmp_path):
    """The names are checked by jupyter-server itself, which would warn of an unknown one."""
    shutil.copy(IMAGES / "common/jupyter_server_config.json", tmp_path)
    said = subprocess.run(
        [sys.executable, "-m", "jupyter_server", "--show-config-json"],
        env={**os.environ, "JUPYTER_CONFIG_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    wanted = json.loads((IMAGES / "common/jupyter_server_config.json").read_text())
    shown = json.loads(said.stdout[said.stdout.index("{") :])
    assert {name: {**shown.get(name, {}), **wanted[name]} for name in wanted} == {
        name: shown.get(name) for name in wanted
    }
    assert "not recognized" not in said.stderr


def test_the_idle_settings_are_traits_of_the_server():
    from jupyter_server.serverapp import ServerApp
    from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
    from jupyter_server_terminals.terminalmanager import TerminalManager

    wanted = json.loads((IMAGES / "common/jupyter_server_config.json").read_text())
    homes = {
        "ServerApp": ServerApp,
        "MappingKernelManager": AsyncMappingKernelManager,
        "TerminalManager": TerminalManager,
    }
    for section, settings in wanted.items():
        assert set(settings) <= set(homes[section].class_trait_names(config=True))
        assert section in [parent.__name__ for parent in homes[section].__mro__]


@pytest.fixture
def check():
    spec = importlib.util.spec_from_file_location(
        "accelerator_check", IMAGES / "common/accelerator_check.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GIVEN = {"NVIDIA_VISIBLE_DEVICES": "GPU-0"}


@pytest.mark.parametrize("value", ["", "none", "void"])
def test_a_server_without_accelerator_says_so_and_warns_of_nothing(check, value):
    said = check.report({"NVIDIA_VISIBLE_DEVICES": value})
    assert said == "accelerators: none was given to this server"


def test_a_driver_that_is_not_there_is_a_warning(check):
    assert "WARNING" in check.report(GIVEN, "libnothing-of-the-kind.so")


def _driver(tmp_path, init, count, devices):
    if shutil.which("cc") is None:
        pytest.skip("no C compiler to stand in for a driver")
    source = tmp_path / "driver.c"
    source.write_text(
        f"int cuInit(unsigned f) {{ return {init}; }}\n"
        f"int cuDeviceGetCount(int *n) {{ *n = {devices}; return {count}; }}\n"
    )
    library = tmp_path / "libdriver.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    return str(library)


def test_devices_that_the_driver_has_are_counted(check, tmp_path):
    assert check.report(GIVEN, _driver(tmp_path, 0, 0, 2)) == "accelerators: 2 ready"


@pytest.mark.parametrize(("init", "count"), [(100, 0), (0, 3)], ids=["no-start", "no-count"])
def test_a_driver_that_fails_is_a_warning_with_its_number(check, tmp_path, init, count):
    said = check.report(GIVEN, _driver(tmp_path, init, count, 0))
    assert "WARNING" in said
    assert str(init or count) in said


def test_the_check_never_keeps_a_server_from_starting():
    ran = subprocess.run(
        [sys.executable, str(IMAGES / "common/accelerator_check.py")],
        env={**os.environ, **GIVEN},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0
    assert ran.stderr.startswith("accelerators: ")


def _build(*arguments):
    return subprocess.run(
        [str(IMAGES / "build"), *arguments], capture_output=True, text=True, check=False
    )


def test_kaniko_is_told_every_image_under_the_tag_of_the_values():
    said = _build("--push", "--with", "kaniko", "registry.example.org/teamspawner")
    assert said.returncode == 0
    assert "--destination=registry.example.org/teamspawner/hub:4.4.0-0.1.0" in said.stdout
    assert len(said.stdout.splitlines()) == len(DOCKERFILES)


@pytest.mark.parametrize(
    "arguments",
    [[], ["--bogus"], ["--with"], ["reg", "nothing"]],
    ids=["nothing", "flag", "with-what", "image"],
)
def test_a_build_that_is_asked_wrongly_says_how_to_ask(arguments):
    said = _build(*arguments)
    assert said.returncode == 2
    assert said.stderr
