"""Settings for the type checker's Django plugin, which reads them without any server or secret around."""

import os

os.environ.setdefault("SECRET_KEY", "only-for-type-checking-" + "x" * 32)
os.environ.setdefault("ALLOWED_HOSTS", "localhost")
os.environ.setdefault("DATABASE_URL", "postgresql://nobody@localhost/nothing")
os.environ.setdefault("REDIS_URL", "redis://localhost:6379/0")

from panta_admin.settings import *  # noqa: F403
