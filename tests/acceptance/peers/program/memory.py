"""What both independent implementations need from their host: a dictionary behind the `Crud` they call.

The two packages share the import name `py_ocpi`, so this module imports nothing of them at the top;
each program hands its enums and its error in.
"""

from __future__ import annotations

import json
import sys
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any


class Memory:
    """One peer's state: objects by (module, lower-cased id), tokens, and what was done to it."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        # TOKEN_C the peer gave out -> token of its client
        self.clients: dict[str, str] = dict(config.get("clients", {}))
        self.credentials: dict[str, dict[str, Any]] = {}
        self.commands: list[dict[str, Any]] = []
        # keys that no list shows: what only this peer can answer for
        self.unlisted = {key.lower() for key in config.get("unlisted", [])}
        for module, items in config.get("seed", {}).items():
            for item in items:
                key = item.get("uid") or item["id"]
                self.objects[module, key.lower()] = item

    def own_credentials(self, token: str, *, flat: bool) -> dict[str, Any]:
        role = {
            "role": self.config["role"],
            "business_details": {"name": self.config["name"], "logo": None, "website": None},
            "party_id": self.config["party_id"],
            "country_code": self.config["country_code"],
        }
        mine = {"token": token, "url": f"http://{self.config['host']}/ocpi/versions"}
        if flat:
            return {**mine, **{name: role[name] for name in role if name != "role"}}
        return {**mine, "roles": [role]}


def crud_class(memory: Memory, names: SimpleNamespace) -> type:
    """Returns the `Crud` the libraries expect, reading and writing `memory`."""

    class Crud(names.Crud):
        @classmethod
        async def get(cls, module: Any, role: Any, id: Any, *args: Any, **kwargs: Any) -> Any:
            if module.value == "credentials":
                return memory.credentials.get(kwargs.get("auth_token"))
            if module.value == "commands":
                return {"result": "ACCEPTED", "message": []}
            found = memory.objects.get((module.value, str(id).lower()))
            if (
                found is None
                and module.value in {"tokens", "locations"}
                and role.value in {"EMSP", "CPO"}
            ):
                sender = {"tokens": "EMSP", "locations": "CPO"}[module.value]
                if role.value == sender:
                    raise names.NotFound
            return found

        @classmethod
        async def list(
            cls, module: Any, role: Any, filters: dict[str, Any], *args: Any, **kwargs: Any
        ) -> Any:
            rows = [
                v
                for (name, key), v in sorted(memory.objects.items())
                if name == module.value and key not in memory.unlisted
            ]
            page = rows[filters["offset"] : filters["offset"] + filters["limit"]]
            return page, len(rows), filters["offset"] + len(page) >= len(rows)

        @classmethod
        async def create(
            cls, module: Any, role: Any, data: dict[str, Any], *args: Any, **kwargs: Any
        ) -> Any:
            if module.value == "credentials":
                return register(memory, data, flat="roles" not in data["credentials"])
            memory.objects[module.value, str(data.get("uid") or data.get("id")).lower()] = data
            return data

        @classmethod
        async def update(
            cls, module: Any, role: Any, data: dict[str, Any], id: Any, *args: Any, **kwargs: Any
        ) -> Any:
            if module.value == "credentials":
                return register(memory, data, flat="roles" not in data["credentials"])
            memory.objects[module.value, str(id).lower()] = data
            return data

        @classmethod
        async def delete(cls, module: Any, role: Any, id: Any, *args: Any, **kwargs: Any) -> None:
            if module.value == "credentials":
                memory.clients.pop(str(id), None)
                memory.credentials.pop(str(id), None)
            memory.objects.pop((module.value, str(id).lower()), None)

        @classmethod
        async def do(
            cls, module: Any, role: Any, action: Any, *args: Any, data: Any = None, **kwargs: Any
        ) -> Any:
            token = kwargs.get("auth_token")
            if action.value == "GetClientToken":
                if token in memory.clients:
                    return memory.clients[token]
                return "" if token == memory.config["token_a"] else None
            if action.value == "AuthorizeToken":
                found = memory.objects[("tokens", str(data["token_uid"]).lower())]
                return {
                    "allowed": "ALLOWED" if found["valid"] else "BLOCKED",
                    "token": found, "location": None, "info": None,
                    "authorization_reference": str(uuid.uuid4()),
                }  # fmt: skip
            memory.commands.append(data if data is not None else args[0])
            return {"result": "ACCEPTED", "timeout": 30, "message": []}

    return Crud


def register(memory: Memory, data: dict[str, Any], *, flat: bool) -> dict[str, Any]:
    token_c = uuid.uuid4().hex
    memory.clients[token_c] = data["credentials"]["token"]
    memory.credentials[token_c] = memory.own_credentials(token_c, flat=flat)
    return memory.credentials[token_c]


def read_config() -> dict[str, Any]:
    return json.loads(Path(sys.argv[1]).read_text())
