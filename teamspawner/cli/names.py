"""Names and numbers on the command line that Kubernetes would refuse later."""

from __future__ import annotations

import argparse
import re

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_MOST = 63
_SUBDOMAIN_MOST = 253


def add_namespace(parser: argparse.ArgumentParser) -> None:
    """Declare the argument that says where the hub runs."""
    parser.add_argument(
        "--namespace",
        type=label,
        metavar="NS",
        default="jupyterhub",
        help="where the hub runs; default: %(default)s",
    )


def label(text: str) -> str:
    """A namespace or release, as an argparse type: a DNS label.

    Raises:
        argparse.ArgumentTypeError: When it is none.
    """
    if len(text) > _LABEL_MOST or not _LABEL.fullmatch(text):
        allowed = f"at most {_LABEL_MOST} lower case letters, digits and hyphens"
        raise argparse.ArgumentTypeError(f"found {text!r}; allowed: {allowed}")
    return text


def subdomain(text: str) -> str:
    """The name of an account, as an argparse type: DNS labels joined by dots.

    Raises:
        argparse.ArgumentTypeError: When it is none.
    """
    if len(text) > _SUBDOMAIN_MOST or not all(map(_LABEL.fullmatch, text.split("."))):
        allowed = "lower case letters, digits, hyphens and dots"
        raise argparse.ArgumentTypeError(f"found {text!r}; allowed: {allowed}")
    return text


def natural(text: str) -> int:
    """A number of things, as an argparse type.

    Raises:
        argparse.ArgumentTypeError: When it is negative or no whole number.
    """
    if not re.fullmatch(r"\d{1,6}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"found {text!r}; allowed: a whole number, 0 or more")
    return int(text)
