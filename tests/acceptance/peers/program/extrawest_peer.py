"""extrawest-ocpi 2025.7.16 as a running OCPI 2.2.1 and 2.1.1 partner. Usage: python extrawest_peer.py config.json"""

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
    PROTOCOL="http",
    ENVIRONMENT="production",
)

import uvicorn
from py_ocpi.core.authentication.authenticator import Authenticator
from py_ocpi.core.crud import Crud
from py_ocpi.core.enums import ModuleID, RoleEnum
from py_ocpi.core.exceptions import NotFoundOCPIError
from py_ocpi.main import get_application
from py_ocpi.modules.versions.enums import VersionNumber

memory = Memory(config)
names = SimpleNamespace(Crud=Crud, NotFound=NotFoundOCPIError)
MODULES = [
    ModuleID.credentials_and_registration, ModuleID.locations, ModuleID.sessions, ModuleID.cdrs,
    ModuleID.tariffs, ModuleID.tokens, ModuleID.commands,
]  # fmt: skip


class Auth(Authenticator):
    @classmethod
    async def get_valid_token_c(cls) -> list[str]:
        return list(memory.clients)

    @classmethod
    async def get_valid_token_a(cls) -> list[str]:
        return [config["token_a"]]


app = get_application(
    version_numbers=[VersionNumber(v) for v in config.get("versions", ["2.2.1"])],
    roles=[RoleEnum.emsp if config["role"] == "EMSP" else RoleEnum.cpo],
    crud=crud_class(memory, names),
    modules=MODULES,
    authenticator=Auth,
    http_push=True,
)


@app.get("/memory")
def show() -> Any:
    """What the peer holds, for the test to compare: not part of OCPI."""
    return {
        "objects": {f"{module}/{key}": value for (module, key), value in memory.objects.items()},
        "clients": memory.clients,
        "commands": memory.commands,
    }


uvicorn.run(app, host="127.0.0.1", port=int(config["host"].rsplit(":", 1)[1]), log_level="warning")
