"""The figures as a page that people read: ratios first, the machine beside them."""

from __future__ import annotations

from typing import Any


def render(found: dict[str, Any]) -> str:
    parts = [
        "# Measured\n",
        f"{found['at']}, {found['rounds']} rounds of {found['seconds']} s in rotation, medians.\n",
        _table(("", ""), [(k, v) for k, v in found["machine"].items()]),
        "\n## Authorise, one core, 64 connections\n",
        _table(
            ("server", "req/s", "x bare aiohttp", "CPU us/request", "with its stores", "p50 us", "p99 us", "generator busy"),
            [
                (r["server"], f"{r['per_second']:,.0f}", f"{r['times_bare_aiohttp']:.2f}", f"{r['cpu_us']:.1f}", f"{r['tree_cpu_us']:.1f}",
                 f"{r['p50_us']:,.0f}", f"{r['p99_us']:,.0f}", f"{r['generator_busy']:.0%}")
                for r in sorted(found["authorise"], key=lambda r: -r["per_second"])
            ],
        ),
        '\nCPU is that of the processes that answer, pinned to one core; "with its stores" adds what it started: settlement worker, PostgreSQL and Valkey.\n',
        "\n## Durable CDR ingest, 64 connections, same PostgreSQL, nothing settled or delivered meanwhile\n",
        _table(
            ("way", "CDR/s", "x base", "p50 us", "p99 us"),
            [
                (r["way"], f"{r['per_second']:,.0f}", f"{r['times_base']:.2f}", f"{r['p50_us']:,.0f}", f"{r['p99_us']:,.0f}")
                for r in found["ingest"]
            ],
        ),
        "\n## Pure parts, CPU on one core, best of several\n",
        _table(
            ("what", "us", "per second"),
            [
                ("price and compare one CDR", f"{found['pricing']['price_us']:.1f}", f"{found['pricing']['priced_per_second']:,.0f}"),
                ("decode and validate one CDR", f"{found['pricing']['decode_us']:.1f}", ""),
                ("read one certificate", f"{found['certificate']['read_us']:.1f}", ""),
                ("contract chain, CA path known", f"{found['certificate']['cached_path_us']:.1f}", ""),
                ("contract chain, cold", f"{found['certificate']['cold_us']:.1f}", ""),
                ("contract chain, seen before", f"{found['certificate']['repeat_us']:.1f}", ""),
            ],
        ),
        "\n## locust, 16 users\n",
        _table(
            ("user", "req/s", "failures", "p50 ms", "p99 ms", "generator busy"),
            [
                (r["user"], f"{r.get('per_second', 0):,.0f}", r.get("failures", r.get("error", "")), r.get("p50_ms", ""),
                 r.get("p99_ms", ""), f"{r.get('generator_busy', 0):.0%}")
                for r in found["locust"]
            ],
        ),
        "\nAbove 85 % the generator is what was measured, not the hub.\n",
    ]  # fmt: skip
    return "\n".join(parts)


def _table(heads: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "| " + " | ".join("---" for _ in heads) + " |"]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)
