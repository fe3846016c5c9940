"""Where the tests' servers keep what nobody needs to be durable."""

import shutil

# Bytes that a server's data and its log may take.
ROOM = 2 << 30


def memory_folder():
    """A file system in memory, where there is one with room. Each of PostgreSQL's databases is some
    four hundred files, and each of RabbitMQ's queues waits for the disk again and again: that takes
    longer than the tests do. The tests end processes, not machines."""
    folder = "/dev/shm"
    try:
        return folder if shutil.disk_usage(folder).free >= ROOM else None
    except OSError:
        return None
