"""What a full disk does, on a real file system that is full: run in a namespace of its own, where
that may be mounted (`disks.namespace`).

    unshare --mount [--user --map-root-user] python Tests/crashes/small_disk.py FOLDER
"""

import sys
from pathlib import Path

from disks import SmallDisk
from test_disks import carry_on_through_a_failure

carry_on_through_a_failure(Path(sys.argv[1]), SmallDisk(Path(sys.argv[1])))
