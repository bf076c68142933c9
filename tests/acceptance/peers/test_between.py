"""Two peers that can only serve, one as CPO and one as eMSP: the hub carries between them.

Neither knows the other; what the one publishes in its lists arrives at the other as a push.
"""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(
    ("cpo_name", "emsp_name", "letter"),
    [("py-ocpi", "extrawest-ocpi", "1"), ("extrawest-ocpi", "py-ocpi", "2")],
)
async def test_lists_of_the_one_become_pushes_to_the_other(
    network, same, seed, cpo_name, emsp_name, letter
):
    cpo_id, emsp_id, late_id = f"BC{letter}", f"BE{letter}", f"BL{letter}"
    place, price = seed.location(cpo_id), seed.tariff(cpo_id)
    token = seed.card(late_id, "ABROAD", whitelist="ALWAYS")

    emsp = await network.peer(emsp_name, "EMSP", emsp_id, {})
    cpo = await network.peer(cpo_name, "CPO", cpo_id, {"locations": [place], "tariffs": [price]})
    same(place, await emsp.holds("locations", place["id"]))
    same(price, await emsp.holds("tariffs", price["id"]))

    await network.peer(emsp_name, "EMSP", late_id, {"tokens": [token]})
    same(token, await cpo.holds("tokens", token["uid"]))
