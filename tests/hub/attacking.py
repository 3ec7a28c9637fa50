"""How each row of the attack list is sent, by people of any running hub."""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import aiohttp

from tests.hub.attacks import Attack, form_of
from tests.hub.hubs import Answer, Someone

Sender = Callable[["Attackers", Attack], Awaitable[Answer]]
SERVER = "other"


class Attackers:
    """Who attacks: mallory, and an admin whose browser or token is used for mallory's server.

    Attributes:
        store: Puts options where JupyterHub keeps those of the last start.
    """

    def __init__(self, mallory: Someone, root: Someone, store: Callable[[Any], None]) -> None:
        self.mallory, self.root, self.store = mallory, root, store

    async def send(self, attack: Attack) -> Answer:
        return await SENDERS[attack.way.name](self, attack)


def _body(attack: Attack, *, nested: bool = False) -> bytes | str:
    hostility = attack.hostility
    if hostility.raw is not None:
        return hostility.raw
    return json.dumps({"user_options": hostility.options} if nested else hostility.options)


def _rest(*, server: str = "", nested: bool = False, by_admin: bool = False) -> Sender:
    async def send(who: Attackers, attack: Attack) -> Answer:
        person = who.root if by_admin else who.mallory
        return await person.start(_body(attack, nested=nested), server, who.mallory.name)

    return send


async def _by_cookie(who: Attackers, attack: Attack) -> Answer:
    return await who.mallory.call_by_cookie(
        "POST", f"/users/{who.mallory.name}/server", _body(attack)
    )


async def _put(who: Attackers, attack: Attack) -> Answer:
    server = f"s{secrets.token_hex(4)}"
    path = f"/users/{who.mallory.name}/servers/{server}"
    await who.mallory.call("PUT", path, _body(attack, nested=True))
    answer = await who.mallory.start(server=server)
    await who.mallory.call("DELETE", path, {"remove": True})
    return answer


def _patch(server: str = "") -> Sender:
    async def send(who: Attackers, attack: Attack) -> Answer:
        tail = f"servers/{server}" if server else "server"
        path = f"/users/{who.mallory.name}/{tail}"
        if server:
            await who.mallory.call("PUT", path, {})
        answer = await who.mallory.call("PATCH", path, _body(attack, nested=True))
        assert answer.status < 500, answer
        return await who.mallory.start(server=server)

    return send


async def _stored(who: Attackers, attack: Attack) -> Answer:
    who.store(attack.hostility.options)
    return await who.mallory.start()


def _form(path: str = "/hub/spawn", *, by_admin: bool = False, multipart: bool = False) -> Sender:
    async def send(who: Attackers, attack: Attack) -> Answer:
        person = who.root if by_admin else who.mallory
        fields = {"_xsrf": person.xsrf, **form_of(attack.hostility.options)}
        fields |= {key: str(value) for key, value in attack.hostility.form.items()}
        if attack.hostility.name in {"many-keys", "huge-options"}:
            fields |= {key: str(value) for key, value in attack.hostility.options.items()}
        data: Any = fields
        if multipart:
            data = aiohttp.FormData(default_to_multipart=True)
            for key, value in fields.items():
                data.add_field(key, value)
        answer = await person.browse("POST", path.format(who.mallory.name), data=data)
        return await person.settled(answer)

    return send


def _link(
    path: str = "/hub/spawn", *, prefix: str = "", site: str = "same-origin", by_admin: bool = False
) -> Sender:
    async def send(who: Attackers, attack: Attack) -> Answer:
        person = who.root if by_admin else who.mallory
        fields = {
            f"{prefix}{key}": value for key, value in form_of(attack.hostility.options).items()
        }
        headers = {"Sec-Fetch-Site": site}
        address = f"{path.format(who.mallory.name)}?{urlencode(fields)}"
        return await person.settled(await person.browse("GET", address, headers=headers))

    return send


SENDERS: dict[str, Sender] = {
    "rest": _rest(),
    "rest-nested": _rest(nested=True),
    "rest-named": _rest(server=SERVER),
    "rest-named-nested": _rest(server=SERVER, nested=True),
    "rest-by-admin": _rest(by_admin=True),
    "rest-by-admin-named": _rest(server=SERVER, by_admin=True),
    "rest-by-cookie": _by_cookie,
    "put-then-start": _put,
    "patch-then-start": _patch(),
    "patch-named-then-start": _patch(SERVER),
    "stored": _stored,
    "form": _form(),
    "form-own-path": _form("/hub/spawn/{}"),
    "form-named": _form("/hub/spawn/{}/" + SERVER),
    "form-by-admin": _form("/hub/spawn/{}", by_admin=True),
    "form-multipart": _form(multipart=True),
    "form-instead": _form("/hub/teamspawner/instead/{}"),
    "link": _link(),
    "link-prefixed": _link(prefix="opt-"),
    "link-named": _link("/hub/spawn/{}/" + SERVER),
    "link-cross-site": _link(site="cross-site"),
    "link-by-admin": _link("/hub/spawn/{}", by_admin=True),
}
