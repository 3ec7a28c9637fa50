"""Addresses of pods are those on which nobody listens."""

import socket

from teamspawner.sim.node.addresses import Addresses


def test_an_address_is_given_out_once_until_it_is_given_back():
    addresses = Addresses()
    first, second = addresses.take(), addresses.take()
    assert first != second
    addresses.give_back(first)
    assert addresses.take() == first


def test_an_address_on_which_somebody_listens_is_passed_over():
    addresses = Addresses()
    first = addresses.take()
    addresses.give_back(first)
    with socket.socket() as somebody:
        somebody.bind((first, 8888))
        somebody.listen()
        assert addresses.take() != first
