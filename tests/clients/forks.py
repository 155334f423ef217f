"""For client programs: their heavy imports are done once, and each plan is carried out in a fork of its own.

A line of input is a plan, the next one ends it; then a line of output says with what code. Imports nothing of ours.
"""

import json
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any


def serve(carry_out: Callable[[dict[str, Any], Callable[[], object]], None]) -> None:
    """Calls `carry_out(plan, until_the_end)` for each plan, with the environment that the plan names."""
    for line in sys.stdin:
        ends, end = os.pipe()
        child = os.fork()
        if not child:
            os.close(end)
            os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # libraries say things there
            plan = json.loads(line)
            os.environ.update(plan["environment"])
            carry_out(plan, partial(os.read, ends, 1))
            sys.exit()
        os.close(ends)
        sys.stdin.readline()
        os.close(end)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.stdout.write(f"ended {code}\n")
        sys.stdout.flush()
