"""Becomes another program, as a user if one is named, that ends with who started it: `launch.py USER PROGRAM …`."""

import ctypes
import os
import pwd
import signal
import sys

_PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    user, *command = sys.argv[1:]
    if user:
        account = pwd.getpwnam(user)
        os.setgroups([])
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # after the change of user, which forgets it
    os.execvp(command[0], command)
