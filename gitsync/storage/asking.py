"""A git that is asked something, started without ``subprocess``: importing that and what it needs
takes as long as git's answer. Next to nothing is imported here, see ``workscan``."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SIGTERM = 15
_PIECE = 1 << 20


class Asked:
    """A running ``git -C FOLDER ARGS`` with nothing on its input; its output and its complaints
    wait in pipes. Either :meth:`answer` or :meth:`cancel` has to be called."""

    def __init__(
        self, args: Sequence[str], folder: str, env: Mapping[str, str], *, apart: bool = False
    ) -> None:
        """``apart`` starts it in a session of its own. Raises FileNotFoundError without a git."""
        self.ended = False
        self._status = 0
        self._out, out = os.pipe()
        self._err, err = os.pipe()
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, out, 1),
            (os.POSIX_SPAWN_DUP2, err, 2),
        ]
        command = ["git", "-C", folder, *args]
        try:
            try:
                self.pid = os.posix_spawnp("git", command, env, file_actions=actions, setsid=apart)
            except NotImplementedError:
                self.pid = os.posix_spawnp("git", command, env, file_actions=actions)
        except BaseException:
            self._close()
            raise
        finally:
            os.close(out)
            os.close(err)

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        if not self.ended:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.ended, self._status = True, status
        return not self.ended

    def answer(self) -> tuple[int, bytes, bytes]:
        """Wait for its end: exit code (negative for a signal), output, complaints."""
        try:
            out, err = self._read()
        except BaseException:
            self.cancel()
            raise
        self._reap()
        return os.waitstatus_to_exitcode(self._status), out, err

    def _read(self) -> tuple[bytes, bytes]:
        """All that it writes, from both pipes as it comes: neither may fill up."""
        import select

        found: dict[int, list[bytes]] = {self._out: [], self._err: []}
        left = set(found)
        while left:
            for fd in select.select(left, (), ())[0]:
                piece = os.read(fd, _PIECE)
                found[fd].append(piece)
                if not piece:
                    left.discard(fd)
        return b"".join(found[self._out]), b"".join(found[self._err])

    def cancel(self) -> None:
        """End it, unless it has been waited for."""
        if self._out < 0:
            return
        if self.running:
            os.kill(self.pid, _SIGTERM)  # which lets git remove its lock
        self._reap()

    def _reap(self) -> None:
        self._close()
        if not self.ended:
            self._status = os.waitpid(self.pid, 0)[1]
            self.ended = True

    def _close(self) -> None:
        for fd in (self._out, self._err):
            os.close(fd)
        self._out = self._err = -1
