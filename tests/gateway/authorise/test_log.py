"""Rows of answers: copied, once each, whatever a partner put into its ids."""

from __future__ import annotations

from gateway.store.authorisation import AuthorisationLog, line, line_end, moment, text

AT_S = 1_800_000_000.25


def row(reference: str, *, uid: str = "U1", location: str | None = None, us: int = 7) -> bytes:
    end = line_end("ALLOWED", "r", "hub", "NL", "MSP", uid, "RFID", None, "DE", "CPO")
    return line(text(reference), moment(AT_S), text(location), us, end)


async def test_flush_when_texts_are_odd_then_they_come_back_as_they_were(database) -> None:
    log = AuthorisationLog(database)
    odd = ["a\tb", "a\\N", "\\N", "a\nb\r", "\\.", "Köln ☃", "a\0b", "", "\ud800"]
    for number, value in enumerate(odd):
        log(row(f"r{number}", uid=value, location=value if number % 2 else None, us=number * 100))
    await log.flush()
    rows = await database.fetch("SELECT * FROM authorisation ORDER BY authorization_reference")
    kept = [value.replace("\0", "").replace("\ud800", "?") for value in odd]
    assert [r["token_uid"] for r in rows] == kept
    assert [r["location_key"] for r in rows] == [v if n % 2 else None for n, v in enumerate(kept)]
    assert [r["duration_us"] for r in rows] == [n * 100 for n in range(len(odd))]
    assert {r["at"].timestamp() for r in rows} == {AT_S}
    assert {r["contract_id"] for r in rows} == {None}


async def test_flush_when_a_reference_comes_twice_then_its_first_row_stays(database) -> None:
    log = AuthorisationLog(database)
    for write in (log, log.given, log.given, log):  # the last: written, its answer lost, sent again
        write(row("twice", uid="U1" if write is log else "U2"))
        write(row(f"new{log.waiting}{database is None}", uid="U3"))
        await log.flush()
        assert log.waiting == 0
    found = await database.fetch("SELECT token_uid FROM authorisation")
    assert sorted(r["token_uid"] for r in found) == ["U1", "U3"]
    both = [row("one"), row("twice"), row("two")]
    for one in both:
        log(one)
    log.given(row("three"))
    await log.flush()
    assert await database.fetchval("SELECT count(*) FROM authorisation") == 5
