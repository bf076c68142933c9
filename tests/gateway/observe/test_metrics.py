from __future__ import annotations

from gateway.observe.metrics import OTHER, PARTIES_MAX, Metrics


def test_party_labels_are_bounded() -> None:
    metrics = Metrics()
    for n in range(PARTIES_MAX * 3):
        metrics.observe_exchange(
            direction="IN", party=f"NL-{n}", module="cdrs", outcome="2xx", seconds=0.01
        )
    text = metrics.render().decode()
    assert text.count('networkcore_exchanges_total{direction="IN"') == PARTIES_MAX + 1
    assert f'party="{OTHER}"' in text


def test_counts_kept_elsewhere_are_read_at_each_scrape() -> None:
    metrics = Metrics()
    counts = {("hit",): 1.0}
    metrics.read_counts("hot", "Lookups.", ("what",), lambda: counts)
    metrics.read_levels("depth", "Queue.", (), lambda: {(): 7})
    assert 'hot_total{what="hit"} 1.0' in metrics.render().decode()
    counts["hit",] = 5.0
    text = metrics.render().decode()
    assert 'hot_total{what="hit"} 5.0' in text
    assert "\ndepth 7.0" in text
