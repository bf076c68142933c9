"""A demand partner over OCPI: issues tokens, decides in real time, starts sessions by app."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from aiohttp import web

from gateway.sim import objects
from gateway.sim.objects import Object
from gateway.sim.partner import Handler, Now, Partner, RefusedError, Reply, decode, envelope, stamp
from gateway.sim.profile import Profile

RESULT_TIMEOUT_S = 10.0


class MobilityProvider(Partner):
    """An eMSP platform with its drivers' tokens and what the network told it."""

    def __init__(self, profile: Profile, now: Now) -> None:
        super().__init__(profile, now)
        self.tokens: dict[str, Object] = {}
        self.locations: dict[str, Object] = {}
        self.tariffs: dict[str, Object] = {}
        self.sessions: dict[str, Object] = {}
        self.cdrs: dict[str, Object] = {}
        self.asked: list[str] = []
        self._results: dict[str, asyncio.Future[Object]] = {}

    def endpoints(self) -> list[tuple[str, str]]:
        """What an eMSP offers (OCPI 2.2.1, version information)."""
        receivers = [(m, "RECEIVER") for m in ("locations", "tariffs", "sessions", "cdrs")]
        return [*receivers, ("tokens", "SENDER"), ("commands", "SENDER")]

    def routes(self) -> list[tuple[str, str, Handler]]:
        """Objects to receive, tokens to show and decide on, results of commands."""
        owner = "/{country_code}/{party_id}/{key}"
        return [
            ("PUT", f"/locations{owner}", self._put(self.locations)),
            ("PATCH", f"/locations{owner}/{{evse_uid}}", self._patch_evse),
            ("PUT", f"/tariffs{owner}", self._put(self.tariffs)),
            ("DELETE", f"/tariffs{owner}", self._delete_tariff),
            ("PUT", f"/sessions{owner}", self._put(self.sessions)),
            ("PATCH", f"/sessions{owner}", self._patch_session),
            ("POST", "/cdrs", self._post_cdr),
            ("GET", "/tokens", self._list_tokens),
            ("POST", "/tokens/{uid}/authorize", self._authorize),
            ("POST", "/commands/{command}/{key}", self._result),
        ]

    # -- tokens

    async def issue(self, uid: str, contract_id: str, **changes: Any) -> Object:
        """Makes a token and pushes it to every CPO through the hub."""
        token = objects.token(self.profile, uid, contract_id, self.now(), **changes)
        self.tokens[uid] = token
        reply = await self._push_token("PUT", uid, token)
        if not reply.is_success:
            raise RefusedError(f"token {uid}: {reply.status_code} {reply.status_message}")
        return token

    async def block(self, uid: str) -> Reply:
        """The card was stolen: from the answer on, nobody may accept it."""
        patch = {"valid": False, "last_updated": stamp(self.now())}
        self.tokens[uid] = {**self.tokens[uid], **patch}
        return await self._push_token("PATCH", uid, patch)

    async def _push_token(self, method: str, uid: str, body: Object) -> Reply:
        path = f"/{self.profile.country_code}/{self.profile.party_id}/{uid}"
        kind = self.tokens[uid]["type"]
        return await self.call(method, "tokens", "RECEIVER", f"{path}?type={kind}", body=body)

    # -- commands

    async def command(self, name: str, body: Object, to: str) -> tuple[Reply, Object]:
        """Sends a command to a CPO through the hub; returns its answer and its later result."""
        key = uuid.uuid4().hex
        waiting: asyncio.Future[Object] = asyncio.get_running_loop().create_future()
        self._results[key] = waiting
        sent = {**body, "response_url": f"{self.base_url}/2.2.1/commands/{name}/{key}"}
        try:
            reply = await self.call("POST", "commands", "RECEIVER", f"/{name}", body=sent, to=to)
            if not reply.is_success or reply.data["result"] != "ACCEPTED":
                raise RefusedError(f"{name}: {reply.status_code} {reply.status_message}")
            return reply, await asyncio.wait_for(waiting, RESULT_TIMEOUT_S)
        finally:
            self._results.pop(key, None)

    async def start_session(
        self, uid: str, location: Object, evse_uid: str
    ) -> tuple[Reply, Object]:
        """The driver pressed Start in the app."""
        body = {
            "token": self.tokens[uid],
            "location_id": location["id"],
            "evse_uid": evse_uid,
            "authorization_reference": uuid.uuid4().hex,
        }
        owner = f"{location['country_code']}-{location['party_id']}"
        return await self.command("START_SESSION", body, owner)

    async def stop_session(self, session: Object) -> tuple[Reply, Object]:
        """The driver pressed Stop in the app."""
        owner = f"{session['country_code']}-{session['party_id']}"
        return await self.command("STOP_SESSION", {"session_id": session["id"]}, owner)

    # -- being called

    def _put(self, into: dict[str, Object]) -> Handler:
        async def receive(request: web.Request) -> web.StreamResponse:
            into[request.match_info["key"]] = decode(await request.read())
            return envelope(None, self.now())

        return receive

    async def _patch_evse(self, request: web.Request) -> web.Response:
        known = self.locations.get(request.match_info["key"])
        patch = decode(await request.read())
        for evse in (known or {}).get("evses", ()):
            if evse["uid"] == request.match_info["evse_uid"]:
                evse.update(patch)
                return envelope(None, self.now())
        return envelope(None, self.now(), 2003, "unknown location")

    async def _patch_session(self, request: web.Request) -> web.Response:
        known = self.sessions.get(request.match_info["key"])
        if known is None:
            return envelope(None, self.now(), 2001, "unknown session")
        known.update(decode(await request.read()))
        return envelope(None, self.now())

    async def _delete_tariff(self, request: web.Request) -> web.Response:
        self.tariffs.pop(request.match_info["key"], None)
        return envelope(None, self.now())

    async def _post_cdr(self, request: web.Request) -> web.Response:
        body = decode(await request.read())
        self.cdrs[body["id"]] = body
        response = envelope(None, self.now())
        response.headers["Location"] = f"{self.base_url}/2.2.1/cdrs/{body['id']}"
        return response

    async def _list_tokens(self, _request: web.Request) -> web.Response:
        response = envelope(list(self.tokens.values()), self.now())
        response.headers.update({"X-Total-Count": str(len(self.tokens)), "X-Limit": "1000"})
        return response

    async def _authorize(self, request: web.Request) -> web.Response:
        uid = request.match_info["uid"]
        self.asked.append(uid)
        token = self.tokens.get(uid)
        if token is None:
            response = envelope(None, self.now(), 2004, "unknown token")
            response.set_status(404)
            return response
        info = {
            "allowed": "ALLOWED" if token["valid"] else "BLOCKED",
            "token": token,
            "authorization_reference": uuid.uuid4().hex,
        }
        return envelope(info, self.now())

    async def _result(self, request: web.Request) -> web.Response:
        waiting = self._results.get(request.match_info["key"])
        if waiting is not None and not waiting.done():
            waiting.set_result(decode(await request.read()))
        return envelope(None, self.now())
