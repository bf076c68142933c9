"""Load as partners make it. `NETWORKCORE_BENCH` names the JSON that `python -m benchmarks network` writes.

    locust -f benchmarks/locustfile.py --headless -u 32 -r 32 -t 30s Authorise

locust's own client costs more than the hub's answer: a run says how busy its generator was, and
`RawAuthorise` sends prebuilt bytes for throughput. Above 85 % generator CPU the figure is locust's.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import socket
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

from locust import FastHttpUser, User, constant, task

CONFIG = json.loads(Path(os.environ["NETWORKCORE_BENCH"]).read_text())
UIDS = itertools.cycle(CONFIG["uids"])
NUMBERS = itertools.count(int(time.time()) * 1000)


def headers(token: str, party: str, to: str | None = None) -> dict[str, str]:
    country, party_id = party.split("-")
    found = {
        "Authorization": "Token " + base64.b64encode(token.encode()).decode(),
        "Content-Type": "application/json",
        "X-Request-ID": uuid.uuid4().hex, "X-Correlation-ID": uuid.uuid4().hex,
        "OCPI-from-country-code": country, "OCPI-from-party-id": party_id,
    }  # fmt: skip
    if to is not None:
        found["OCPI-to-country-code"], found["OCPI-to-party-id"] = to.split("-")
    return found


class Partner(FastHttpUser):
    abstract = True
    host = CONFIG["base_url"]
    wait_time = constant(0)


class Authorise(Partner):
    """A card at a station."""

    @task
    def authorise(self) -> None:
        path = CONFIG["authorise_path"].format(uid=next(UIDS))
        body = {"location_id": "KOELN-DOM", "evse_uids": ["KOELN-DOM-1"]}
        self.client.post(
            path, json=body, headers=headers(CONFIG["cpo_token"], "DE-RHE"), name="authorise"
        )


class AuthoriseCertificate(Partner):
    """A car at a station: Plug & Charge."""

    @task
    def authorise(self) -> None:
        body = {
            "emaid": CONFIG["emaid"], "certificate": CONFIG["chain"], "location_id": "KOELN-DOM",
            "evse_uid": "KOELN-DOM-1", "iso15118_version": "2",
        }  # fmt: skip
        self.client.post(
            "/pnc/v1/authorize",
            json=body,
            headers=headers(CONFIG["cpo_token"], "DE-RHE"),
            name="certificate",
        )


class TokenPush(Partner):
    """An eMSP changes cards."""

    @task
    def push(self) -> None:
        uid = f"PUSH{next(NUMBERS)}"
        body = {
            **CONFIG["token"],
            "uid": uid,
            "last_updated": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        }
        path = CONFIG["token_path"].format(uid=uid)
        self.client.put(
            path, json=body, headers=headers(CONFIG["emsp_token"], "NL-VLT"), name="token"
        )


class LocationPull(Partner):
    """An eMSP reads all locations, page by page."""

    @task
    def pull(self) -> None:
        self.client.get(
            CONFIG["locations_path"] + "?limit=100",
            headers=headers(CONFIG["emsp_token"], "NL-VLT"),
            name="locations",
        )


class CdrFlood(Partner):
    """A CPO delivers a day's CDRs at once."""

    @task
    def post(self) -> None:
        body = {**CONFIG["cdr"], "id": f"LOCUST-{next(NUMBERS)}"}
        self.client.post(
            CONFIG["cdrs_path"],
            json=body,
            headers=headers(CONFIG["cpo_token"], "DE-RHE", "NL-VLT"),
            name="cdr",
        )


class RawAuthorise(User):
    """Prebuilt bytes on a gevent socket: throughput without locust's client in the way."""

    wait_time = constant(0)

    def on_start(self) -> None:
        host, port = CONFIG["base_url"].removeprefix("http://").split(":")
        self.socket = socket.create_connection((host, int(port)))
        body = b'{"location_id":"KOELN-DOM","evse_uids":["KOELN-DOM-1"]}'
        self.requests = []
        for uid in CONFIG["uids"]:
            lines = [f"POST {CONFIG['authorise_path'].format(uid=uid)} HTTP/1.1", "Host: 127.0.0.1"]
            lines += [f"{k}: {v}" for k, v in headers(CONFIG["cpo_token"], "DE-RHE").items()]
            lines += [f"Content-Length: {len(body)}", "", ""]
            self.requests.append("\r\n".join(lines).encode() + body)
        self.at = 0

    @task
    def authorise(self) -> None:
        began = time.perf_counter()
        self.socket.sendall(self.requests[self.at % len(self.requests)])
        self.at += 1
        answer = self.socket.recv(65536)
        error = None if answer.startswith(b"HTTP/1.1 200") else RuntimeError(answer[:40].decode())
        self.environment.events.request.fire(
            request_type="POST", name="authorise, raw", response_time=(time.perf_counter() - began) * 1000,
            response_length=len(answer), exception=error, context={},
        )  # fmt: skip
