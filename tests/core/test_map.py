"""What the map may say, and what is said of one that is wrong."""

import json

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from teamspawner.errors import MapError
from teamspawner.map import json_schema, load
from tests.core.offering import EXAMPLE, GIB

SMALL = {
    "tiers": {"small": {"cpu": 2, "memory": "4Gi"}},
    "teams": {"all": {"groups": ["*"], "tiers": ["small"]}},
}


def faults(source):
    with pytest.raises(MapError) as caught:
        load(source)
    return caught.value.faults


def with_tier(**tier):
    return {**SMALL, "tiers": {"small": {"cpu": 2, "memory": "4Gi", **tier}}}


def with_team(**team):
    return {**SMALL, "teams": {"all": {"groups": ["*"], "tiers": ["small"], **team}}}


def the_fault(source):
    found = faults(source)
    assert len(found) == 1, [str(fault) for fault in found]
    return found[0]


def test_the_example_is_sound_and_read_in_units():
    parsed = load(EXAMPLE).map
    large = parsed.tiers["large"]
    assert (large.cpu.request, large.cpu.limit, large.memory.request) == (4000, 8000, 32 * GIB)
    assert (large.wait, parsed.tiers["gpu"].start_timeout) == (600, 900)
    assert parsed.teams["physics"].limits.memory == 1024 * GIB
    assert parsed.teams["physics"].cull.max_age == 43_200


def test_text_and_plain_values_give_the_same_map():
    assert load(yaml.safe_load(EXAMPLE)).map == load(EXAMPLE).map == load(EXAMPLE.encode()).map


def test_the_map_may_stand_in_chart_values():
    inside = "    tiers: {a: {cpu: x}}\n    teams: {t: {groups: [g]}}"
    text = f"hub: {{x: 1}}\ncustom:\n  teamspawner:\n{inside}"
    assert load({"hub": {}, "custom": {"teamspawner": SMALL}}).map == load(SMALL).map
    assert the_fault(text).place == "tiers.a.cpu (line 4)"


def test_g_and_gi_are_both_two_to_the_thirtieth():
    assert load(with_tier(memory="4G")).map == load(with_tier(memory="4Gi")).map


def test_one_value_is_request_and_limit_and_a_limit_alone_is_both():
    both = load(with_tier(cpu={"limit": 2})).map.tiers["small"].cpu
    assert both == load(with_tier(cpu=2)).map.tiers["small"].cpu


def test_a_request_alone_has_no_limit():
    assert load(with_tier(memory={"request": "4Gi"})).map.tiers["small"].memory.limit is None


@pytest.mark.parametrize(
    ("wrong", "place", "fix"),
    [
        pytest.param({"cpu": "two"}, "tiers.small.cpu", "", id="no-number"),
        pytest.param({"cpu": 0}, "tiers.small.cpu", "", id="zero-cpu"),
        pytest.param({"cpu": -1}, "tiers.small.cpu", "write 1", id="negative-cpu"),
        pytest.param({"cpu": True}, "tiers.small.cpu", "", id="boolean-cpu"),
        pytest.param({"cpu": float("nan")}, "tiers.small.cpu", "", id="cpu-is-nan"),
        pytest.param({"cpu": "1e99"}, "tiers.small.cpu", "", id="absurd-cpu"),
        pytest.param({"cpu": [2]}, "tiers.small.cpu", "", id="cpu-is-a-list"),
        pytest.param({"memory": "4GiB RAM"}, "tiers.small.memory", "", id="memory-with-words"),
        pytest.param({"memory": 4}, "tiers.small.memory", "write 4Gi", id="memory-without-unit"),
        pytest.param({"memory": "9999T"}, "tiers.small.memory", "", id="absurd-memory"),
        pytest.param(
            {"cpu": {"request": 4, "limit": 2}},
            "tiers.small.cpu",
            "raise the limit or lower the request",
            id="limit-below-request",
        ),
        pytest.param({"colour": "red"}, "tiers.small.colour", "", id="unknown-key"),
        pytest.param({"nmae": "x"}, "tiers.small.nmae", "did you mean name?", id="mistyped-key"),
        pytest.param(
            {"when_busy": "wiat"}, "tiers.small.when_busy", "did you mean wait?", id="mistyped-word"
        ),
        pytest.param(
            {"start_timeout": 900}, "tiers.small.start_timeout", "write 900s", id="no-unit"
        ),
        pytest.param({"start_timeout": "0m"}, "tiers.small.start_timeout", "", id="no-time-at-all"),
        pytest.param({"share": "1/2"}, "tiers.small", "keep one of them", id="two-sizes"),
        pytest.param(
            {"per_gpu": "fair", "cpu": None, "memory": None},
            "tiers.small",
            "add gpu",
            id="per-gpu-alone",
        ),
        pytest.param(
            {"cpu": None, "memory": None}, "tiers.small", "add cpu and memory", id="no-size"
        ),
        pytest.param(
            {"cpu": None, "memory": None, "gpu": {}},
            "tiers.small",
            "add per_gpu",
            id="accelerators-without-size",
        ),
        pytest.param(
            {"name": 3}, "tiers.small.name", 'write it in quotes: "3"', id="name-is-a-number"
        ),
        pytest.param(
            {"gpu": {"counts": ["2"]}},
            "tiers.small.gpu.counts[0]",
            "write 2 without quotes",
            id="count-in-quotes",
        ),
        pytest.param({"gpu": {"counts": [0]}}, "tiers.small.gpu.counts[0]", "", id="count-zero"),
        pytest.param(
            {"gpu": {"kinds": ["hole"]}},
            "tiers.small.gpu.kinds[0]",
            "did you mean whole?",
            id="mistyped-kind",
        ),
        pytest.param(
            {"nodes": {"selector": {"pool": True}}},
            "tiers.small.nodes.selector.pool",
            "write it in quotes",
            id="selector-value-is-a-boolean",
        ),
        pytest.param(
            {"was": ["small"]},
            "tiers.small.was[0]",
            "remove small here or rename the tier",
            id="was-itself",
        ),
    ],
)
def test_a_wrong_tier_is_told_with_place_and_nearest_fix(wrong, place, fix):
    fault = the_fault(with_tier(**wrong))
    assert (fault.place, fault.fix) == (place, fix)
    assert fault.allowed


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        pytest.param({"tiers": ["smal"]}, "teams.all.tiers[0]", id="unknown-tier"),
        pytest.param({"tiers": ["small", "small"]}, "teams.all.tiers[1]", id="tier-twice"),
        pytest.param({"images": ["x"]}, "teams.all.images[0]", id="unknown-image"),
        pytest.param({"groups": []}, "teams.all.groups", id="no-groups"),
        pytest.param({"groups": "*"}, "teams.all.groups", id="groups-is-text"),
        pytest.param({"groups": ["re:("]}, "teams.all.groups[0]", id="broken-expression"),
        pytest.param({"groups": ["[a"]}, "teams.all.groups[0]", id="open-bracket"),
        pytest.param({"groups": [" "]}, "teams.all.groups[0]", id="blank-group"),
        pytest.param({"gpu": {"team": -1}}, "teams.all.gpu.team", id="negative-cap"),
        pytest.param(
            {"limits": {"servers_per_user": 1.5}},
            "teams.all.limits.servers_per_user",
            id="half-a-server",
        ),
        pytest.param({"limits": {"cpu": "lots"}}, "teams.all.limits.cpu", id="cpu-cap-in-words"),
    ],
)
def test_a_wrong_team_is_told_with_its_place(wrong, place):
    assert the_fault(with_team(**wrong)).place == place


@pytest.mark.parametrize(
    ("volume", "key"),
    [
        pytest.param({"sub_path": "../other"}, "sub_path", id="sub-path-leads-out"),
        pytest.param({"sub_path": "/abs"}, "sub_path", id="sub-path-absolute"),
        pytest.param({"sub_path": "a//b"}, "sub_path", id="sub-path-with-a-gap"),
        pytest.param({"sub_path": "a/{servername}"}, "sub_path", id="sub-path-with-other-braces"),
        pytest.param({"mount": "shared"}, "mount", id="mount-relative"),
        pytest.param({"mount": "/"}, "mount", id="mount-over-everything"),
        pytest.param({"mount": "/etc/ssl"}, "mount", id="mount-over-the-system"),
        pytest.param({"mount": "/a/../etc"}, "mount", id="mount-leads-out"),
        pytest.param({"claim": "Team_Data"}, "claim", id="claim-is-no-name"),
        pytest.param({"name": "a_b"}, "name", id="name-is-no-label"),
        pytest.param({"mode": "rx"}, "mode", id="mode-unknown"),
    ],
)
def test_an_unsafe_volume_is_told(volume, key):
    sound = {"name": "data", "claim": "data", "mount": "/shared/x"}
    fault = the_fault(with_team(volumes=[{**sound, **volume}]))
    assert fault.place == f"teams.all.volumes[0].{key}"


def test_a_safe_sub_path_may_hold_the_users_name():
    volume = {"name": "d", "claim": "d", "mount": "/d", "sub_path": "home/{username}", "mode": "rw"}
    assert (
        load(with_team(volumes=[volume])).map.teams["all"].volumes[0].sub_path == "home/{username}"
    )


def test_two_volumes_with_one_name_or_one_path_are_told():
    volume = {"name": "d", "claim": "d", "mount": "/d"}
    found = faults(with_team(volumes=[volume, {**volume, "mount": "/d/"}]))
    assert [fault.place for fault in found] == [
        "teams.all.volumes[1].name",
        "teams.all.volumes[1].mount",
    ]


def test_an_earlier_key_belongs_to_one_tier_only():
    tiers = {key: {"cpu": 1, "memory": "1Gi", "was": ["old"]} for key in ("a", "b")}
    fault = the_fault({"tiers": tiers, "teams": {"t": {"groups": ["*"], "tiers": ["a", "b"]}}})
    assert fault.place == "tiers.b.was[0]"


def test_many_faults_are_told_in_little_time():
    tiers = {f"t{number}": {"cpu": 1, "memory": "1Gi"} for number in range(2000)}
    wrong = [f"u{number}" for number in range(5000)]
    found = faults({"tiers": tiers, "teams": {"t": {"groups": ["g"], "tiers": wrong}}})
    assert len(found) == 5000
    assert "(1970 more)" in found[0].allowed


@pytest.mark.parametrize("version", [True, 1.0, "1", 2, None])
def test_the_version_is_the_number_one(version):
    assert the_fault({**SMALL, "version": version}).place == "version"


@pytest.mark.parametrize(
    "image", ["", "a b", "http://x/y", "x:tag with space", "x@sha256:12", "-x", "x:", "quay.io/X"]
)
def test_an_image_must_be_a_name_that_can_be_pulled(image):
    assert "images.i.image" in {
        f.place for f in faults({**SMALL, "images": {"i": {"image": image}}})
    }


@pytest.mark.parametrize("key", ["Big_One", "a b", "-a", "ü", "x" * 64])
def test_a_tier_key_must_be_fit_for_a_slug(key):
    wrong = {"tiers": {key: {"cpu": 1, "memory": "1Gi"}}, "teams": {"t": {"groups": ["*"]}}}
    assert "the key" in faults(wrong)[0].found


@pytest.mark.parametrize(("name", "also"), [("small", []), ("Small", ["did you mean small?"])])
def test_a_team_names_a_tier_as_its_key_should_be(name, also):
    wrong = {
        "tiers": {"Small": {"cpu": 1, "memory": "1Gi"}},
        "teams": {"t": {"groups": ["*"], "tiers": [name]}},
    }
    assert [fault.fix for fault in faults(wrong)] == ["write small", *also]


def test_all_faults_are_told_at_once_in_the_order_of_the_file():
    text = """
version: 2
tiers:
  a: {cpu: x, memory: 1Gi}
  b: {cpu: 1, memory: 1Gi, wiat: 3m}
teams:
  t: {groups: [g], tiers: [c], gpu: {team: many}}
extra: 1
"""
    assert [fault.place for fault in faults(text)] == [
        "version (line 2)",
        "tiers.a.cpu (line 4)",
        "tiers.b.wiat (line 5)",
        "teams.t.tiers[0] (line 7)",
        "teams.t.gpu.team (line 7)",
        "extra (line 8)",
    ]


@pytest.mark.parametrize("missing", ["tiers", "teams"])
def test_tiers_and_teams_are_needed(missing):
    left = {key: value for key, value in SMALL.items() if key != missing}
    assert missing in {fault.place for fault in faults(left)}


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("", id="empty"),
        pytest.param("just words", id="words"),
        pytest.param("- a", id="a-list"),
        pytest.param([1], id="a-plain-list"),
        pytest.param(None, id="nothing"),
        pytest.param(b"\xff\xfe\x00", id="not-utf-8"),
        pytest.param("a:\n\tb: 1", id="tabs"),
        pytest.param("a: [1", id="unclosed"),
        pytest.param("a: [1\n", id="breaks-off"),
        pytest.param('a: {b: "c\r\n\r\n', id="breaks-off-with-other-line-ends"),
        pytest.param("a: 1\n---\nb: 2", id="two-documents"),
        pytest.param("a: &a [*a]", id="alias-to-itself"),
        pytest.param("a: *b", id="alias-to-nothing"),
        pytest.param("[" * 5000, id="deep-list"),
        pytest.param("{a: " * 100 + "1" + "}" * 100, id="deep-mapping"),
        pytest.param("a: !!python/object/apply:os.system [x]", id="code"),
        pytest.param("a: !!binary aGk=", id="binary"),
        pytest.param("? [a]\n: b", id="list-as-key"),
        pytest.param("a: {<<: 3}", id="merge-of-a-number"),
        pytest.param("\x00", id="zero-byte"),
        pytest.param("a: " + "x" * 2**20, id="huge"),
        pytest.param("a: " + "9" * 6000, id="endless-number"),
        pytest.param("{" * 3, id="open-braces"),
    ],
)
def test_text_that_is_no_map_gives_a_fault_and_no_traceback(source):
    assert faults(source)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        pytest.param(
            "a: 1\n---\nb: 2",
            "map (line 2): found a second document; allowed: one document; remove the ---",
            id="two-documents",
        ),
        pytest.param(
            "a: 1\nb: &x [*x]",
            "map (line 2): found the alias *x inside itself; allowed: no value in itself",
            id="alias-to-itself",
        ),
        pytest.param(
            "a: *b",
            "map (line 1): found the alias *b; allowed: an anchor that was set before",
            id="alias-to-nothing",
        ),
        pytest.param(
            "a: !!python/x [x]",
            "map (line 1): found the tag tag:yaml.org,2002:python/x; allowed: plain YAML;"
            " remove the tag",
            id="a-list-of-code",
        ),
        pytest.param(
            "a: !own x",
            "map (line 1): found the tag !own; allowed: plain YAML; remove the tag",
            id="a-word-of-another-kind",
        ),
        pytest.param(
            "a: &x 1\n*x : 2",
            "map (line 2): found an alias as a key; allowed: text as keys",
            id="alias-as-key",
        ),
        pytest.param(
            b"a: 1\nb: \xff",
            "map (line 2): found a byte that is not UTF-8 (0xff); allowed: text in UTF-8;"
            " save the file as UTF-8",
            id="not-utf-8",
        ),
        pytest.param(
            "a: !!int x",
            "map (line 1): found x, which is no number; allowed: a number",
            id="no-number",
        ),
        pytest.param(
            "a: 1\nb: é\x00",
            "map (line 2): found a sign that cannot be read (U+0000); allowed: text; remove it",
            id="no-yaml-at-all",
        ),
        pytest.param(
            "a: \ud800",
            "map (line 1): found a sign that cannot be read (U+D800); allowed: text; remove it",
            id="half-a-letter",
        ),
        pytest.param(
            "x" * (2**20 + 1),
            "map: found 1048577 bytes; allowed: at most 1048576 bytes",
            id="too-large",
        ),
        pytest.param(
            "",
            "map: found an empty map; allowed: keys and values: version, tiers, teams, …",
            id="empty",
        ),
    ],
)
def test_text_that_cannot_be_read_is_told_in_one_fault(source, said):
    assert str(the_fault(source)) == said


@pytest.mark.parametrize(
    "ending",
    ["\n---\nc: 1", "\nc: *nothing", "\nc: [1"],
    ids=["two-documents", "alias-to-nothing", "unclosed"],
)
def test_what_was_found_before_the_text_could_not_be_read_is_told_too(ending):
    found = faults(f"a: {{b: 1, b: 2}}{ending}")
    assert [fault.place.partition(" ")[0] for fault in found] == ["a.b", "map"]


def test_tags_that_say_what_is_so_anyway_are_understood():
    text = """
tiers: !!map {a: {cpu: !!int "2", memory: !!str 1Gi}}
teams: {t: {groups: !!seq [g], tiers: [a]}}
"""
    assert load(text).map.tiers["a"].cpu.request == 2000


def test_an_anchor_may_be_set_on_a_key_a_word_or_a_list_and_set_anew():
    text = """
tiers:
  &k small: {cpu: &n 2, memory: 1Gi}
  large: {cpu: &n 3, memory: 1Gi}
  other: {cpu: *n, memory: 1Gi}
teams: {t: {groups: &g [g], tiers: [*k, large, other]}, u: {groups: *g, tiers: [small]}}
"""
    parsed = load(text).map
    assert parsed.tiers["other"].cpu.request == 3000
    assert (parsed.teams["t"].tiers[0], parsed.teams["u"].groups) == ("small", ("g",))


def test_a_key_that_no_path_can_hold_is_spelled_in_brackets():
    places = [fault.place for fault in faults('{"a.b": {cpu: 1}, "tiers": {"x y": {"c.d": 1}}}')]
    assert '["a.b"] (line 1)' in places
    assert 'tiers["x y"]["c.d"] (line 1)' in places


def test_text_that_breaks_off_is_told_with_what_was_being_read():
    fault = the_fault("a: [1")
    assert fault.found.startswith("while parsing a flow sequence")
    assert fault.fix == ""


def test_tabs_are_told_with_line_and_cure():
    fault = the_fault("tiers:\n\tsmall: 1")
    assert (fault.place, fault.fix) == ("map (line 2)", "indent with spaces, not with a tab")


def test_a_bomb_of_aliases_is_not_built():
    text = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n"
        for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert "values without end" in faults(text)[0].found


def test_a_dict_that_holds_itself_gives_a_fault():
    loop = {}
    loop["tiers"] = loop
    assert "values without end" in the_fault(loop).found


def test_a_key_that_stands_twice_is_told_with_both_lines():
    size = "{cpu: 1, memory: 1Gi}"
    text = f"tiers:\n  a: {size}\n  a: {size}\nteams: {{t: {{groups: [g], tiers: [a]}}}}"
    fault = the_fault(text)
    assert (fault.place, fault.found) == (
        "tiers.a (line 3)",
        "the key a a second time (first in line 2)",
    )


def test_a_key_that_yaml_reads_as_no_text_is_told():
    fault = the_fault(
        "tiers: {on: {cpu: 1, memory: 1Gi}}\nteams: {t: {groups: [g], tiers: ['on']}}"
    )
    assert fault.fix == 'write it in quotes: "on"'


def test_anchors_and_merge_keys_are_understood():
    text = """
tiers:
  a: &base {cpu: 1, memory: 1Gi}
  b: {<<: *base, cpu: 2, name: B}
teams: {t: {groups: [g], tiers: [a, b]}}
"""
    parsed = load(text).map
    assert (parsed.tiers["b"].cpu.request, parsed.tiers["b"].memory.request) == (2000, GIB)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(
            lambda m: m["tiers"].update(x={"cpu": 1, "memory": "1Gi"}),
            "a tier of no team",
            id="unused-tier",
        ),
        pytest.param(
            lambda m: m.update(images={"i": {"image": "a:1"}}),
            "an image of no team",
            id="unused-image",
        ),
        pytest.param(
            lambda m: m["teams"]["all"].update(tiers=[]), "a team without tiers", id="no-tiers"
        ),
        pytest.param(
            lambda m: m["teams"]["all"].update(gpu={"team": 4}),
            "gpu rules and no gpu tier",
            id="gpu-rules-alone",
        ),
        pytest.param(
            lambda m: m["tiers"]["small"].update(wait="5m"),
            "wait without when_busy: wait",
            id="wait-alone",
        ),
        pytest.param(lambda m: m["tiers"]["small"].pop("memory"), "no memory", id="cpu-alone"),
        pytest.param(
            lambda m: (
                m.update(images={"i": {"image": "a:1", "needs": "gpu"}}),
                m["teams"]["all"].update(images=["i"]),
            ),
            "an image that needs a gpu, and no gpu tier",
            id="gpu-image-without-gpu-tier",
        ),
    ],
)
def test_what_can_never_match_is_a_warning_and_no_fault(change, said):
    source = json.loads(json.dumps(SMALL))
    change(source)
    assert said in {warning.found for warning in load(source).warnings}


def test_a_sound_map_has_no_warnings():
    assert load(EXAMPLE).warnings == ()


def test_the_schema_takes_the_example_and_refuses_an_unknown_key():
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(EXAMPLE), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**SMALL, "tires": {}}, schema)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200) | st.binary(max_size=200))
def test_any_text_gives_a_map_or_faults(source):
    with pytest.raises(MapError):
        load(source)


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["version", "tiers", "teams", "images", "gpu", "cpu", "memory", "groups", "per_gpu"]
            )
            | st.text(max_size=5)
            | st.integers(),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@settings(max_examples=150, deadline=None)
@given(_values, _values, _values)
def test_any_values_give_a_map_or_faults(tiers, teams, images):
    with pytest.raises(MapError) as caught:
        load({"tiers": tiers, "teams": teams, "images": images, "more": 1})
    assert all(fault.place and fault.found and fault.allowed for fault in caught.value.faults)


def test_pools_are_told_apart_by_name_and_need_labels():
    base = "tiers: {t: {cpu: 1, memory: 1Gi}}\nteams: {all: {groups: ['*'], tiers: [t]}}\n"
    with pytest.raises(MapError) as caught:
        load(base + "pools: [{name: a, max_nodes: 1}, {name: a, max_nodes: 1}]")
    assert [(f.place, f.found) for f in caught.value.faults] == [
        ("pools[1].name (line 3)", "a twice")
    ]
    warned = load(base + "pools: [{name: a, max_nodes: 1}]").warnings
    assert [(w.place, w.found) for w in warned] == [("pools[0] (line 3)", "a pool without labels")]


@pytest.mark.parametrize(
    ("wrong", "fix"),
    [
        (with_tier(memory="4GB!"), "write 4Gi"),
        (with_tier(memory="4,5Gi"), "write 4.5Gi"),
        (with_tier(memory="9" * 5000), ""),
        (with_tier(memory=4096), "write 4096Mi"),
        (with_tier(memory=64), "write 64Gi"),
        (with_tier(start_timeout="10 minutes"), "write 10m"),
        (with_tier(start_timeout="1.5h"), "write 90m"),
        (with_tier(start_timeout=-5), ""),
        (with_tier(start_timeout="0.5s"), ""),
        (with_tier(start_timeout="soon"), ""),
        (with_tier(was=["Old"]), "write old"),
        (with_tier(nodes={"selector": {"pool": "x y"}}), "write x-y"),
        (with_tier(nodes={"selector": {"a/b c": "x"}}), "write a-b-c"),
        (with_tier(nodes={"tolerations": {"key": "a"}}), "make it an entry of a list"),
        ({**SMALL, "version": 2}, "write 1"),
        (with_tier(memory=10_000_000), ""),
        (with_tier(was=["-3"]), 'write "3"'),
        (with_tier(was=["On"]), 'write "on"'),
        (with_team(groups=""), ""),
        ({**SMALL, "images": {"a": "quay.io/a:1"}}, "write {image: quay.io/a:1}"),
        ({**SMALL, "images": {"a": {"image": "docker://Quay.io/A:B"}}}, "write quay.io/a:B"),
        ({**SMALL, "tiers": {"small": {"share": 50}}}, "write 50%"),
        ({**SMALL, "pools": [{"name": "a", "max_nodes": 1, "gpu": {"gpu": 8}}]}, "nvidia.com/gpu"),
    ],
)
def test_the_nearest_fix_is_itself_allowed(wrong, fix):
    found = the_fault(wrong).fix
    assert fix in found if fix else not found


@pytest.mark.parametrize("wrong", [with_tier(name="a\ud800"), {**SMALL, "a\udc00": 1}])
def test_half_a_letter_is_told_before_a_page_would_fail_to_show_it(wrong):
    with pytest.raises(MapError) as caught:
        load(wrong)
    faults = caught.value.faults
    assert ("map", "remove half a letter") in [(f.place, f.fix) for f in faults]


def test_names_in_a_part_that_is_no_mapping_are_not_told_again():
    assert [fault.place for fault in faults({"teams": SMALL["teams"], "tiers": ["small"]})] == [
        "tiers"
    ]
    assert [fault.place for fault in faults({**SMALL, "tiers": {}})] == [
        "tiers",
        "teams.all.tiers[0]",
    ]


def test_a_vendor_that_is_nearly_a_known_one_is_a_warning():
    image = {"image": "a", "needs": "gpu", "vendors": ["nvdia", "example.org"]}
    found = load({**SMALL, "images": {"a": image}}).warnings
    assert ("the vendor nvdia", "did you mean nvidia?") in [
        (each.found, each.fix) for each in found
    ]
    assert not [each for each in found if "example.org" in each.found]
