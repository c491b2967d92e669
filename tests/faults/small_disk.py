"""A disk of a few MiB for one worker: a tmpfs in a mount namespace of its own, which nobody else sees."""

import os
import subprocess
from pathlib import Path

NAMESPACE = ("unshare", "--mount", "--propagation", "private")
USER = ("--user", "--map-root-user")


class SmallDisk:
    """The disk, mounted at `path`, and the process that keeps its namespace. Errors: OSError where it is forbidden."""

    def __init__(self, path: Path, mib: int) -> None:
        path.mkdir(parents=True)
        self._path = path
        own_user = () if os.geteuid() == 0 else USER
        mount = f'mount -t tmpfs -o size={mib}m shelfstream "$0" && echo ready && exec sleep infinity'
        try:
            self._keeper = subprocess.Popen(
                [*NAMESPACE, *own_user, "sh", "-c", mount, str(path)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
        except FileNotFoundError as error:
            raise OSError("there is no `unshare` on this system") from error
        assert self._keeper.stdout is not None
        if self._keeper.stdout.readline() != "ready\n":
            said = self._keeper.communicate()[1].strip()
            raise OSError(f"a mount namespace with a tmpfs is not permitted here: {said}")
        user = ("--user", "--preserve-credentials") if own_user else ()
        self.prefix = ("nsenter", "--target", str(self._keeper.pid), "--mount", *user)

    def fill(self) -> None:
        """Take what is free."""
        subprocess.run(
            [*self.prefix, "dd", "if=/dev/zero", f"of={self._path / 'filler'}", "bs=4096"],
            capture_output=True, check=False,
        )  # fmt: skip

    def enlarge(self, mib: int) -> None:
        """Give it more room."""
        subprocess.run([*self.prefix, "mount", "-o", f"remount,size={mib}m", str(self._path)], check=True)

    def close(self) -> None:
        """Give it back."""
        self._keeper.kill()
        self._keeper.communicate()
