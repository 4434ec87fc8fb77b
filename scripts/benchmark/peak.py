"""``python -I -S peak.py FILE WORD…``: runs a command, and writes to a file how many bytes of
memory its largest process had at the peak, files that it had mapped included.

wait(2) also counts the memory of the parent; so this process is small.
"""

import os
import sys

if __name__ == "__main__":
    child = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
    _, status, usage = os.wait4(child, 0)
    fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.write(fd, b"%d\n" % (usage.ru_maxrss << 10))
    sys.exit(os.waitstatus_to_exitcode(status))
