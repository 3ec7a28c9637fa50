"""Sizes as Kubernetes and as the map spell them."""

import contextlib
import time
from fractions import Fraction

import pytest

from teamspawner.errors import QuantityError
from teamspawner.units import gib, map_bytes, map_millicores, milli, millicores, quantity, units

MOST = 2**63 - 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("+1", 1),
        ("5.", 5),
        (".5", Fraction(1, 2)),
        ("1e3", 1000),
        ("1E-2", Fraction(1, 100)),
        ("1E", 10**18),
        ("1k", 1000),
        ("1Ki", 1024),
        ("1.5Gi", 3 * 2**29),
        ("100m", Fraction(1, 10)),
        ("-3", -3),
        (2, 2),
        (0.5, Fraction(1, 2)),
        (" 1Gi ", 2**30),
        ("Gi", 0),
        ("-", 0),
        ("0e99", 0),
    ],
)
def test_a_quantity_is_read_as_the_api_reads_it(text, value):
    assert quantity(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "K",
        "1K",
        "1mi",
        "1 Gi",
        "1e1.5",
        "1e",
        "e+",
        "\uff11",
        "1_000",
        "nan",
        True,
        None,
        "1Gib",
    ],
)
def test_what_the_api_refuses_is_refused(text):
    with pytest.raises(QuantityError):
        quantity(text)


def test_true_is_not_one_even_after_one_was_read():
    assert quantity(1) == 1
    with pytest.raises(QuantityError):
        quantity(True)


@pytest.mark.parametrize("text", ["9Ei", "1e999999999", "9223372036854775808", "1e" + "9" * 18])
def test_nothing_is_larger_than_a_signed_64_bit_number(text):
    assert units(text) == millicores(text) == MOST


@pytest.mark.parametrize("text", ["1e-999999999", "0.0000000000001", "0." + "0" * 5000 + "1"])
def test_the_least_is_one_nano(text):
    assert quantity(text) == Fraction(1, 10**9)
    assert quantity(f"-{text}") == Fraction(-1, 10**9)


@pytest.mark.parametrize("text", ["1e999999999", "1e-999999999", "9" * 10**5, "1e" + "9" * 10**5])
def test_no_spelling_takes_long(text):
    start = time.monotonic()
    with contextlib.suppress(QuantityError):
        quantity(text)
    assert time.monotonic() - start < 0.5


@pytest.mark.parametrize(
    ("text", "cores", "whole"),
    [("0.1", 100, 1), ("100.1m", 101, 1), ("1u", 1, 1), ("0.5", 500, 1), ("1.0001", 1001, 2)],
)
def test_scheduling_rounds_up(text, cores, whole):
    assert (millicores(text), units(text)) == (cores, whole)


def test_digits_beyond_any_precision_still_round_up():
    assert units("1." + "0" * 100 + "1") == 2


def test_a_negative_amount_rounds_away_from_zero():
    assert (milli("-0.5m"), units("-0.5")) == (-1, -1)


@pytest.mark.parametrize(
    ("text", "size"), [("1G", 2**30), ("1Gi", 2**30), ("1GiB", 2**30), ("512M", 2**29), (7, 7)]
)
def test_the_map_reads_g_and_gi_alike(text, size):
    assert map_bytes(text) == size


@pytest.mark.parametrize("text", ["-1G", "1e3", "1P", "G", True, ""])
def test_the_map_refuses_other_sizes(text):
    with pytest.raises(QuantityError):
        map_bytes(text)


def test_the_map_reads_cpus_and_refuses_less_than_none():
    assert map_millicores("0.5") == 500
    with pytest.raises(QuantityError):
        map_millicores("-1")


@pytest.mark.parametrize(("size", "text"), [(55 * 2**30, "55 GiB"), (2**29, "512 MiB")])
def test_sizes_are_printed_in_binary_units(size, text):
    assert gib(size) == text
