"""The product's settings, and what only the stage adds: a release to migrate to, and mutants to be caught."""

from panta_admin.settings import *  # noqa: F403
from panta_admin.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.chaos.next_release", "tests.chaos.mutants.Mutants"]
