"""The project as an application: its commands are found, and tasks of every app bind to its Celery.

It is the first that is made ready, before anything asks for a translation.
"""

from django.apps import AppConfig


class PantaAdminConfig(AppConfig):
    name = "panta_admin"

    def ready(self) -> None:
        from panta_admin import catalogues, celery  # noqa: F401  # `shared_task` looks for the current app

        catalogues.compile_changed()  # who starts without `make` must not be served yesterday's words
