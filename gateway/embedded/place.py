"""Who runs the servers, and from where they can be reached: root, long paths, foreign processes.

PostgreSQL refuses uid 0. As root the servers run as the owner of their data, at first ``nobody``
without any further group. The data directory itself stays closed to everybody: the server is
started inside its folder and reaches it as ``/proc/self/cwd``, with no need for a way through the
parents.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import msgspec

SOCKET_PATH_MAX: Final = 100  # sun_path holds 107 bytes on Linux, 103 on macOS
CURRENT_FOLDER: Final = Path("/proc/self/cwd")
OTHERS_MAY_PASS: Final = 0o001
OTHERS_MAY_READ: Final = 0o005


class EmbeddedError(RuntimeError):
    """The embedded stores cannot be started; the message says what to do."""


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """The account a server runs under; `uid` is None when no change of account is needed."""

    uid: int | None
    gid: int | None
    name: str


def owner_of(folder: Path) -> Owner:
    """The account for the server whose data lie in `folder`, which may not exist yet."""
    if os.geteuid() != 0:
        return Owner(uid=None, gid=None, name=account_name(os.geteuid()))
    if folder.exists() and folder.stat().st_uid != 0:
        found = folder.stat()
        return Owner(uid=found.st_uid, gid=found.st_gid, name=account_name(found.st_uid))
    nobody = pwd.getpwnam("nobody")
    return Owner(uid=nobody.pw_uid, gid=nobody.pw_gid, name=nobody.pw_name)


def account_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        raise EmbeddedError(
            f"user id {uid} has no name on this machine, which PostgreSQL insists on: add it to"
            " /etc/passwd, or give NETWORKCORE_DATABASE_URL and NETWORKCORE_REDIS_URL"
        ) from None


def make_folder(path: Path, owner: Owner) -> None:
    """A 0700 folder that belongs to the server's account."""
    path.mkdir(mode=0o700, exist_ok=True)
    path.chmod(0o700)
    if owner.uid is not None and owner.gid is not None:
        os.chown(path, owner.uid, owner.gid)


def seen_by_server(folder: Path, owner: Owner) -> Path:
    """How the server itself, started inside `folder`, names it."""
    if owner.uid is None:
        return folder
    if CURRENT_FOLDER.exists():
        return CURRENT_FOLDER
    if not passable(folder.parent):
        raise EmbeddedError(
            f"{folder.parent} cannot be entered by {owner.name}: run as an ordinary user, or set"
            " NETWORKCORE_DATA_DIR to a folder below one that everybody may enter"
        )
    return folder


def passable(path: Path) -> bool:
    """Whether an account without any rights of its own reaches `path`."""
    real = path.resolve()
    return all(folder.stat().st_mode & OTHERS_MAY_PASS for folder in (real, *real.parents))


def reachable_copy(root: Path, parts: tuple[str, ...], name: str, owner: Owner) -> Path:
    """`root` itself, or a copy of its `parts` where `owner` can execute them."""
    if owner.uid is None or passable(root):
        return root
    target = _system_folder() / name
    if not target.exists():
        draft = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{name}"))
        for part in parts:
            source, copy = root / part, draft / part
            copy.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, copy)
            else:
                shutil.copy2(source, copy)
        draft.chmod(0o755)  # programs, readable like any installed program
        try:
            draft.rename(target)
        except OSError:
            shutil.rmtree(draft)  # another process was first
    return target


def _system_folder() -> Path:
    """A folder that root alone may write, so that nobody can plant a program in it."""
    parent = next((p for p in (Path("/var/lib"), Path("/var/db")) if p.is_dir()), Path("/opt"))
    folder = parent / "networkcore"
    folder.mkdir(mode=0o755, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != 0 or found.st_mode & 0o022 or folder.is_symlink():
        raise EmbeddedError(f"{folder} must belong to root and be writable by root alone")
    return folder


def short_address(folder: Path, socket_name: str) -> tuple[Path, Path | None]:
    """`folder` as a client can name it within the limit of a socket path.

    The second value is the private folder with the short link, to be removed afterwards.
    """
    if len(os.fsencode(folder / socket_name)) <= SOCKET_PATH_MAX:
        return folder, None
    private = Path(tempfile.mkdtemp(prefix="nc-", dir="/tmp"))  # 0700, unguessable, short
    link = private / "s"
    link.symlink_to(folder)
    return link, private


def process_name(pid: int) -> str | None:
    """The program of a living process; None when it is gone or waits, dead, to be reaped."""
    if Path("/proc/self/stat").exists():
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        name, _, rest = stat.partition("(")[2].rpartition(")")
        return None if rest.split()[0] in "ZX" else name
    answer = subprocess.run(  # noqa: S603 - a number as the only argument
        ["/bin/ps", "-o", "stat=,comm=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split(maxsplit=1)
    return Path(answer[1].strip()).name if len(answer) == 2 and answer[0][0] != "Z" else None
