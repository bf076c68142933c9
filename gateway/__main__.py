"""`networkcore` and `python -m gateway`."""

from __future__ import annotations


def main() -> None:
    from gateway.cli.app import run

    run()


if __name__ == "__main__":
    main()
