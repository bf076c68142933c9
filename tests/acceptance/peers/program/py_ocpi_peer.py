"""py-ocpi 0.3.1 as a running OCPI 2.2.1 partner. Usage: python py_ocpi_peer.py config.json"""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

from memory import Memory, crud_class, read_config

config = read_config()
os.environ.update(
    OCPI_HOST=config["host"],
    COUNTRY_CODE=config["country_code"],
    PARTY_ID=config["party_id"],
)

import uvicorn
from py_ocpi.core import dependencies
from py_ocpi.core.crud import Crud
from py_ocpi.core.endpoints import ENDPOINTS
from py_ocpi.core.enums import RoleEnum
from py_ocpi.core.exceptions import NotFoundOCPIError
from py_ocpi.main import get_application
from py_ocpi.modules.cdrs.v_2_2_1.schemas import Cdr
from py_ocpi.modules.commands.v_2_2_1.schemas import CommandResponse, CommandResult
from py_ocpi.modules.credentials.v_2_2_1.schemas import Credentials
from py_ocpi.modules.locations.v_2_2_1.schemas import Location
from py_ocpi.modules.sessions.v_2_2_1.schemas import Session
from py_ocpi.modules.tariffs.v_2_2_1.schemas import Tariff
from py_ocpi.modules.tokens.v_2_2_1.schemas import AuthorizationInfo, Token
from py_ocpi.modules.versions.enums import VersionNumber

SCHEMAS = {
    "location": Location, "session": Session, "cdr": Cdr, "tariff": Tariff, "token": Token,
    "credentials": Credentials, "authorization": AuthorizationInfo,
    "command_response": CommandResponse, "command_result": CommandResult,
}  # fmt: skip


def adapter_class() -> type:
    def build(schema: Any) -> Any:
        return staticmethod(lambda data, version=None: schema(**data))

    return type("Adapter", (), {f"{name}_adapter": build(s) for name, s in SCHEMAS.items()})


def plain_http(items: list[Any]) -> None:
    """The package writes https into every address; on loopback there is none."""
    for item in items:
        if isinstance(item, dict):
            item["url"] = type(item["url"])(item["url"].replace("https://", "http://"))
        else:
            item.url = type(item.url)(item.url.replace("https://", "http://"))


memory = Memory(config)
names = SimpleNamespace(Crud=Crud, NotFound=NotFoundOCPIError)
role = RoleEnum.emsp if config["role"] == "EMSP" else RoleEnum.cpo
plain_http([e for role_ in ENDPOINTS[VersionNumber.v_2_2_1].values() for e in role_])
app = get_application(
    [VersionNumber.v_2_2_1], [role], crud_class(memory, names), adapter_class(), http_push=True
)
plain_http(app.dependency_overrides[dependencies.get_versions]())


@app.get("/memory")
def show() -> Any:
    """What the peer holds, for the test to compare: not part of OCPI."""
    return {
        "objects": {f"{module}/{key}": value for (module, key), value in memory.objects.items()},
        "clients": memory.clients,
        "commands": memory.commands,
    }


uvicorn.run(app, host="127.0.0.1", port=int(config["host"].rsplit(":", 1)[1]), log_level="warning")
