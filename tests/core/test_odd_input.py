"""The commands and input that nobody should give them: a message, an exit code, no traceback."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from teamspawner.cli import main
from tests.core.raw import node, pod

MAP = "tiers: {s: {cpu: 1, memory: 1Gi}}\nteams: {a: {groups: ['*'], tiers: [s]}}\n"
DUMP = {"kind": "List", "items": [node("n1")]}


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A folder with a map, a dump and a pod, in which commands run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "map.yaml").write_text(MAP)
    (tmp_path / "dump.json").write_text(json.dumps(DUMP))
    (tmp_path / "pod.json").write_text(json.dumps(pod(cpu=1)))
    return tmp_path


def said(capsys, *arguments):
    code = main(arguments)
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("", "odd is empty", id="empty"),
        pytest.param("null", "got `null`", id="null"),
        pytest.param("[" * 100_000, "Expected `object`", id="deep"),
        pytest.param('{"a":' * 100_000, "recursion", id="deeper"),
        pytest.param('{"kind": "Deployment"}', "found kind Deployment", id="another-kind"),
        pytest.param('{"kind": "Pod"}\n{"kind": "Pod"}', "trailing characters", id="json-lines"),
        pytest.param("kind: List", "malformed", id="yaml"),
    ],
)
def test_what_is_no_dump_is_told(files, capsys, text, found):
    (files / "odd").write_text(text)
    code, out, err = said(capsys, "capacity", "--dump", "odd", "--format", "json")
    assert (code, out) == (2, "")
    assert found in err
    assert "allowed: " in err


def test_lists_in_a_dump_are_opened_and_what_is_no_object_is_left_out_and_told(files, capsys):
    inner = {"kind": "List", "items": [node("n2"), None]}
    (files / "odd").write_text(json.dumps({"kind": "List", "items": [inner, 5, node("n1")]}))
    code, out, err = said(capsys, "capacity", "--dump", "odd", "--format", "json")
    assert (code, json.loads(out)["nodes"]) == (0, 2)
    assert "left out odd: items[0]: items[1]: Expected `object`, got `null`" in err
    assert "left out odd: items[1]: Expected `object`, got `int`" in err


def test_a_list_of_one_kind_within_a_dump_is_opened_too(files, capsys):
    bare = [{k: v for k, v in each.items() if k != "kind"} for each in (node("n1"), node("n2"))]
    pods = {"kind": "PodList", "items": [pod("x", on="n1", cpu=1)]}
    nodes = {"kind": "NodeList", "items": bare}
    (files / "odd").write_text(json.dumps({"kind": "List", "items": [nodes, pods]}))
    code, out, err = said(capsys, "capacity", "--dump", "odd", "--format", "json")
    found = json.loads(out)
    assert (code, err, found["nodes"], found["cpu_millicores"]["used"]) == (0, "", 2, 1000)


@pytest.mark.parametrize("lost", [{"metadata": {"name": "n2"}}, {"kind": "PodList", "items": 5}])
def test_what_does_not_tell_its_kind_makes_the_answer_unknown(files, capsys, lost):
    (files / "odd").write_text(json.dumps({"kind": "List", "items": [node("n1"), lost]}))
    fit = ("fit", "-f", "pod.json", "--dump", "odd", "--format", "json")
    code, out, err = said(capsys, *fit)
    assert (code, json.loads(out)["results"][0]["verdict"]) == (1, "UNKNOWN")
    assert "left out odd: items[1]: " in err


def test_what_only_shares_its_kind_with_ours_is_passed_over(files, capsys):
    others = {**node("n1", cpu=1), "apiVersion": "longhorn.io/v1beta2"}
    (files / "odd").write_text(json.dumps({"kind": "List", "items": [node("n1", cpu=4), others]}))
    code, out, err = said(capsys, "capacity", "--dump", "odd", "--format", "json")
    assert (code, err, json.loads(out)["cpu_millicores"]["total"]) == (0, "", 4000)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        pytest.param(None, "document 0: found nothing; allowed: a Pod", id="null"),
        pytest.param([1], "document 0: found a list", id="json-array"),
        pytest.param("x", "document 0: found text", id="text"),
        pytest.param(5, "document 0: found a number", id="number"),
        pytest.param({"a": 1}, "document 0: found no kind", id="no-kind"),
        pytest.param({"kind": "Job"}, "document 0: found kind Job", id="another-kind"),
        pytest.param({"kind": "List", "items": [None]}, "items[0]: found nothing", id="item"),
        pytest.param({"kind": "List", "items": []}, "found no pod", id="none"),
        pytest.param({"kind": "List", "items": 5}, "found kind List", id="items-no-list"),
    ],
)
def test_what_is_no_pod_is_told_in_words(files, capsys, content, found):
    (files / "odd").write_text(json.dumps(content))
    code, out, err = said(capsys, "fit", "-f", "odd", "--dump", "dump.json")
    assert (code, out) == (2, "")
    assert found in err


LEVELS = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("&l\nkind: List\nitems: [*l]\n", id="a-list-in-itself"),
        pytest.param("kind: Pod\nmetadata: &m {name: x, labels: *m}\n", id="a-value-in-itself"),
        pytest.param(f"kind: Pod\nmetadata: {{name: x}}\na0: &a0 [x]\n{LEVELS}", id="a-bomb"),
    ],
)
def test_pods_of_values_without_end_are_not_built(files, capsys, text):
    (files / "odd").write_text(text)
    code, out, err = said(capsys, "fit", "-f", "odd", "--dump", "dump.json")
    assert (code, out) == (2, "")
    assert "odd is neither YAML nor JSON: more than 3000000 values" in err


@pytest.mark.parametrize("command", ["explain", "doctor"])
def test_of_chart_values_without_end_the_map_alone_is_taken(files, capsys, command):
    single = "singleuser: {extraContainers: [{name: x, env: *a29}]}\n"
    inside = f"custom: {{teamspawner: {{{MAP.replace(chr(10), ', ', 1).strip()}}}}}\n"
    (files / "values.yaml").write_text(f"a0: &a0 [x]\n{LEVELS}{single}{inside}")
    user = ("--user", "u") if command == "explain" else ()
    code, out, _ = said(capsys, command, "--map", "values.yaml", "--dump", "dump.json", *user)
    assert code == 0
    assert "Starts right away" in out or command == "doctor"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_pods_are_read_as_shells_write_them(files, capsys, encoding):
    lists = {"kind": "List", "items": [{"kind": "PodList", "items": [{"metadata": {"name": "é"}}]}]}
    (files / "odd").write_text(json.dumps(lists, ensure_ascii=False), encoding=encoding)
    where = ("--dump", "dump.json", "--format", "json")
    code, out, _ = said(capsys, "fit", "-f", "odd", "-f", "pod.json", *where)
    results = json.loads(out)["results"]
    assert (code, results[0]["pod"], len(results)) == (0, "default/é", 2)


@pytest.mark.parametrize(
    "arguments",
    [
        ("fit", "-f", "-", "--dump", "-"),
        ("fit", "-f", "-", "-f", "-", "--dump", "dump.json"),
        ("capacity", "--dump", "-", "--dump", "-"),
        ("explain", "--map", "-", "--user", "u", "--dump", "-"),
        ("explain", "--map", "map.yaml", "--user", "u", "--dump", "-", "--dump", "-"),
    ],
    ids=" ".join,
)
def test_standard_input_is_read_once(files, capsys, arguments):
    code, out, err = said(capsys, *arguments)
    assert (code, out) == (2, "")
    assert "standard input" in err


@pytest.mark.parametrize("user", ["", "a,b", "../x", "日本", "a\nb", "x" * 3000, "\udcff", "<b>"])
def test_any_name_of_a_person_is_answered(files, capsys, user):
    where = (
        "--map",
        "map.yaml",
        "--dump",
        "dump.json",
        "--format",
        "json",
        "--groups",
        f",{user},",
    )
    code, out, err = said(capsys, "explain", f"--user={user}", *where)
    answer = json.loads(out)
    assert (code, err, answer["user"]) == (0, "", user)
    assert out.isascii()
    assert [offer["verdict"] for offer in answer["offers"]] == ["FITS_NOW"]


def run(*arguments, **more):
    command = [sys.executable, "-m", "teamspawner", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)


def test_a_terminal_without_a_sign_gets_a_spelling_of_it(files):
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    found = run("explain", "--map", "map.yaml", "--user", "é", "--dump", "dump.json", env=env)
    assert (found.returncode, found.stderr) == (0, "")
    assert "\\xe9" in found.stdout


def test_a_reader_that_has_seen_enough_ends_it_quietly(files):
    command = [sys.executable, "-m", "teamspawner", "check", "--schema"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert (process.wait(60), process.stderr.read()) == (0, b"")


def test_output_that_cannot_be_written_is_told(files):
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "teamspawner", "check", "map.yaml"]
        found = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    told = "teamspawner check: No space left on device\n"
    assert (found.returncode, found.stderr) == (2, told)


def test_ctrl_c_ends_a_command_without_a_word(files):
    os.mkfifo("pipe")
    command = [sys.executable, "-m", "teamspawner", "check", "pipe"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        with Path("pipe").open("w"):  # opens once the command reads
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130
        assert (process.stdout.read(), process.stderr.read()) == (b"", b"")
