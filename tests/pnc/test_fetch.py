"""The one socket: configured addresses only, bounded in size and time."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from pnc import authority, certificate, issue, pem
from pnc.errors import RequestError
from pnc.revocation import crl, ocsp
from pnc.revocation.address import is_public
from pnc.revocation.fetch import Fetcher, FetchError, Source, configured


@pytest.fixture
async def served(forge, aiohttp_server):
    """A responder and CRL host on loopback; `hits` counts every request it saw."""
    hits = []
    der = forge.pki.crls(forge.made)["mo-sub2"]

    async def handle(request):
        hits.append(request.path)
        body = await request.read()
        match request.path:
            case "/der":
                return web.Response(body=der)
            case "/pem":
                return web.Response(body=pem.join([der], pem.CRL))
            case "/ocsp":
                assert request.content_type == "application/ocsp-request"
                assert body
                return web.Response(body=authority.ocsp_good(forge.pki, "contract", forge.made))
            case "/nonce":
                ca = forge.pki.issued["mo-sub2"]
                answer = issue.Answer(this_update=forge.made, next_update=None, nonce=b"A" * 16)
                leaf = forge.pki.issued["contract"].certificate
                return web.Response(body=issue.ocsp_response(leaf, ca.certificate, answer, ca))
            case "/large":
                return web.Response(body=b"\x30" * (ocsp.BYTES_MAX + 1))
            case "/redirect":
                raise web.HTTPFound("/der")
            case "/slow":
                await asyncio.sleep(5)
        return web.Response(status=500)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handle)
    server = await aiohttp_server(app)
    return server, hits


def _fetcher(server, *paths, allows_private=True, total_s=5.0):
    sources = tuple(
        Source(
            name=f"{kind}:{path}",
            url=str(server.make_url(path)),
            kind=kind,
            allows_private=allows_private,
        )
        for path in paths
        for kind in ("crl", "ocsp")
    )
    return Fetcher({source.name: source for source in sources}, total_s=total_s)


async def test_fetch_when_configured_then_read(forge, served):
    server, _ = served
    leaf, issuer = map(certificate.parse, forge.pki.chain("contract")[:2])
    about = ocsp.cert_id(leaf, issuer)
    async with _fetcher(server, "/der", "/pem", "/ocsp", "/nonce") as fetcher:
        for path in ("/der", "/pem"):
            assert crl.parse(await fetcher.fetch_crl(f"crl:{path}")).issuer == leaf.issuer
        response = ocsp.parse(await fetcher.fetch_ocsp("ocsp:/ocsp", about))
        assert ocsp.is_about(response.answers[0], leaf, issuer)
        assert await fetcher.fetch_ocsp("ocsp:/nonce", about, nonce=b"A" * 16)
        for path, nonce in (("/nonce", b"B" * 16), ("/ocsp", b"A" * 16)):
            with pytest.raises(FetchError, match="nonce"):
                await fetcher.fetch_ocsp(f"ocsp:{path}", about, nonce=nonce)


async def test_fetch_when_large_slow_redirected_or_broken_then_refused(forge, served):
    server, hits = served
    leaf, issuer = map(certificate.parse, forge.pki.chain("contract")[:2])
    about = ocsp.cert_id(leaf, issuer)
    async with _fetcher(server, "/large", "/redirect", "/slow", "/broken", total_s=0.3) as fetcher:
        for path, reason in (
            ("/large", "more than"),
            ("/redirect", "HTTP 302"),
            ("/slow", "Timeout"),
            ("/broken", "HTTP 500"),
        ):
            with pytest.raises(FetchError, match=reason):
                await fetcher.fetch_ocsp(f"ocsp:{path}", about)
    assert "/der" not in hits


async def test_fetch_when_not_configured_or_private_then_never_called(served):
    server, hits = served
    async with _fetcher(server, "/der") as fetcher:
        for name in ("elsewhere", str(server.make_url("/der")), "ocsp:/der"):
            with pytest.raises(FetchError, match="no crl source"):
                await fetcher.fetch_crl(name)
    named = Source(name="n", url=f"http://localhost:{server.port}/der", kind="crl")
    async with Fetcher({"n": named}) as fetcher:
        with pytest.raises(FetchError):
            await fetcher.fetch_crl("n")
    assert hits == []


async def test_responder_address_in_a_certificate_when_verified_then_never_called(forge, served):
    server, hits = served
    leaf = forge.issue(ocsp_address=str(server.make_url("/ocsp")))
    assert forge.verify(forge.below(leaf)).is_accepted
    assert (
        forge.verify(forge.below(leaf), snapshot=forge.trusting("mo-root", crls=[])).step
        == "revocation"
    )
    assert hits == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x",
        "http://[::1]/",
        "http://169.254.169.254/",
        "http://10.0.0.1/",
        "http://2130706433/",
        "http://127.1/",
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[fe80::1]/",
        "ftp://example.com/",
        "http:///x",
        "file:///etc/passwd",
        "http://a:b@example.com/",
        "http://example.com:22/",
        "http://127.0.0.1\\@example.com/",
        "http://ex\u00e4mple.com/",
        "http://[bad/",
        "http://example.com:99999/",
    ],
)
def test_configured_when_the_address_is_unfit_then_refused(url):
    with pytest.raises(RequestError, match="revocation source n"):
        configured((Source(name="n", url=url, kind="crl"),))


def test_configured_when_public_then_kept():
    source = Source(name="n", url="http://crl.example.com/a.crl", kind="crl")
    assert configured((source,)) == {"n": source}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("224.0.0.1", False),
        ("192.88.99.1", False),
        ("192.0.0.9", False),
        ("::127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b:1::1", False),
        ("2002:7f00:1::", False),
        ("fec0::1", False),
        ("ff02::1", False),
        ("5f00::1", False),
        ("3fff::1", False),
        ("::ffff:8.8.8.8", False),
        ("255.255.255.255", False),
        ("name", False),
    ],
)
def test_is_public_when_special_purpose_then_false(text, expected):
    assert is_public(text) is expected
