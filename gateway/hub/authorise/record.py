"""What the hot set keeps for an authorisation: compact records, MessagePack arrays.

`tok:{<uid_key>}:<type>`   every token with that uid and type, one per owner: a uid is unique only
                           within its owner (ocpi.md §3 row 20)
`ctr:{<contract_key>}`     the tokens and the contract certificates of one contract
`rel:{trust}`              a number that changes with anchors, revocations and certificates
`rel:{network}`            a number that changes with the network: parties, relations, credentials

A record carries the token's JSON as its owner sent it, so that an answer is a splice of bytes. The
fields are positional: append new ones at the end, with a default.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from gateway.hub.authorise.verdict import TokenFacts

RECORD_BYTES_MAX = 64 << 10  # a uid with more owners than fit here is answered from PostgreSQL


class TokenRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One token. `version` is the wire version of `body`; `expires_s` 0 stands for never."""

    country_code: str
    party_id: str
    uid: str
    type: str
    contract_id: str
    valid: bool
    whitelist: str
    version: str
    body: bytes
    contract_key: str = ""
    updated_us: int = 0
    expires_s: int = 0
    blocked: str = ""
    group_id: str = ""

    @property
    def owner(self) -> str:
        """Country and party id in one, as keys of the network record."""
        return self.country_code + self.party_id

    @property
    def facts(self) -> TokenFacts:
        return TokenFacts(self.valid, self.whitelist, self.blocked, self.expires_s)


class ContractRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One contract: `state` is NONE where the hub keeps no contract certificate of it.

    `tokens` are (uid_key, type): the tokens' own records say whether they still belong to it.
    """

    key: str
    state: str
    tokens: tuple[tuple[str, str], ...] = ()


_encode = msgspec.msgpack.Encoder().encode
_decode_tokens = msgspec.msgpack.Decoder(tuple[TokenRecord, ...]).decode
_decode_contract = msgspec.msgpack.Decoder(ContractRecord).decode

NO_TOKENS: bytes = _encode(())


def token_key(uid_key: str, token_type: str) -> str:
    return f"tok:{{{uid_key}}}:{token_type}"


def contract_key(key: str) -> str:
    return f"ctr:{{{key}}}"


NETWORK_KEY = "rel:{network}"
TRUST_KEY = "rel:{trust}"


def fold(text: str) -> str:
    """CiString: ASCII letters only (reliability §5.2); the Kelvin sign is no K."""
    return text.encode().upper().decode()


def encode_tokens(records: Iterable[TokenRecord]) -> bytes:
    """The records in the order in which they are tried: usable first, then the newest."""
    return _encode(tuple(sorted(records, key=_rank)))


def _rank(record: TokenRecord) -> tuple[bool, int, str]:
    return (not record.valid or bool(record.blocked), -record.updated_us, record.owner)


def decode_tokens(raw: bytes) -> tuple[TokenRecord, ...]:
    return _decode_tokens(raw)


def encode_contract(record: ContractRecord) -> bytes:
    return _encode(record)


def decode_contract(raw: bytes) -> ContractRecord:
    return _decode_contract(raw)
