"""The verdict memory: fast, bounded, and never older than what it was made from."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from pnc import certificate, trust
from pnc.profile import ISO15118_2
from pnc.verify import verify


@pytest.fixture
def snapshot(forge):
    return forge.pki.snapshot(forge.made)


def test_verdict_when_asked_again_then_the_same_object(forge, snapshot):
    ders = forge.pki.chain("contract")
    first = verify(ders, snapshot, ISO15118_2, "contract", forge.now)
    assert first.is_accepted
    assert verify(list(ders), snapshot, ISO15118_2, "contract", forge.now) is first
    later = forge.now + timedelta(days=6)
    assert verify(ders, snapshot, ISO15118_2, "contract", later) is first


def test_verdict_when_anything_asked_differs_then_judged_again(forge, snapshot):
    ders = forge.pki.chain("contract")
    assert verify(ders, snapshot, ISO15118_2, "contract", forge.now).is_accepted
    assert (
        verify(ders, snapshot, ISO15118_2, "contract", forge.now, emaid="DE8AAC12345679").step
        == "emaid"
    )
    assert verify(ders, snapshot, ISO15118_2, "secc", forge.now).step == "profile"
    joined = [ders[0] + ders[1], ders[2]]
    assert verify(joined, snapshot, ISO15118_2, "contract", forge.now).step == "parse"
    strict = msgspec.structs.replace(
        ISO15118_2, policy=msgspec.structs.replace(ISO15118_2.policy, keys=frozenset())
    )
    assert verify(ders, snapshot, strict, "contract", forge.now).step == "algorithm"


def test_verdict_when_its_evidence_ends_then_judged_again(forge, snapshot):
    ders = forge.pki.chain("contract")
    first = verify(ders, snapshot, ISO15118_2, "contract", forge.now)
    after = first.holds_until + timedelta(seconds=1)
    verdict = verify(ders, snapshot, ISO15118_2, "contract", after)
    assert verdict.step == "revocation"
    before = forge.made - timedelta(days=1)
    assert verify(ders, snapshot, ISO15118_2, "contract", before).step == "validity"
    assert verify(ders, snapshot, ISO15118_2, "contract", forge.now).is_accepted


def test_verdict_when_the_next_snapshot_revokes_then_gone(forge, snapshot):
    ders = forge.pki.chain("contract")
    assert verify(ders, snapshot, ISO15118_2, "contract", forge.now).is_accepted
    gone = certificate.parse(ders[0]).fingerprint
    following = trust.snapshot(
        anchors=snapshot.anchors, crls=snapshot.crls, cancelled=[gone], epoch="next"
    )
    verdict = verify(ders, following, ISO15118_2, "contract", forge.now)
    assert verdict.certificate_status == "ContractCancelled"
    assert following.epoch != snapshot.epoch


def test_refusal_when_time_can_change_it_then_not_kept(forge):
    snapshot = forge.trusting("mo-root", crls=[])
    ders = forge.pki.chain("contract")
    assert verify(ders, snapshot, ISO15118_2, "contract", forge.now).step == "revocation"
    assert len(snapshot.memory.verdicts) == 0
    assert verify(ders[:1], snapshot, ISO15118_2, "contract", forge.now).step == "path"
    assert len(snapshot.memory.verdicts) == 1


def test_memory_when_full_then_the_oldest_goes():
    memory = trust.Bounded(3)
    for number in range(5):
        memory.put(number, number)
    assert len(memory) == 3
    assert [memory.get(number) for number in range(5)] == [None, None, 2, 3, 4]
    memory.put(4, 5)
    assert (len(memory), memory.get(4)) == (3, 5)


def test_epoch_when_anything_known_changes_then_changes(forge):
    anchors = forge.pki.anchors()
    epochs = {
        trust.snapshot(anchors=anchors).epoch,
        trust.snapshot(anchors=anchors[1:]).epoch,
        trust.snapshot(anchors=anchors, cancelled=[b"x"]).epoch,
        trust.snapshot(anchors=anchors, intermediates=[anchors[0].certificate]).epoch,
        trust.snapshot(
            anchors=anchors, revoked={(b"x", 1): trust.Revoked(forge.made, "a", "b")}
        ).epoch,
        forge.pki.snapshot(forge.made).epoch,
    }
    assert len(epochs) == 6
    assert trust.snapshot(anchors=anchors).epoch == trust.snapshot(anchors=anchors).epoch
