"""`networkcore migrate`."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command("migrate")(migrate)


def migrate(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout")] = False,
) -> None:
    """Bring the database schema up to date."""
    from gateway.cli import run
    from gateway.settings import load_here

    async def work() -> tuple[str, ...]:
        async with run.with_stores(load_here()) as settings:
            return await run.bring_up_to_date(settings)

    applied = run.run(work())
    if as_json:
        print(json.dumps({"applied": list(applied)}))
    else:
        print("\n".join(f"applied {name}" for name in applied) or "the schema is up to date")
