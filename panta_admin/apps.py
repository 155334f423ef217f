"""The project as an application: its commands are found, and tasks of every app bind to its Celery."""

from django.apps import AppConfig


class PantaAdminConfig(AppConfig):
    name = "panta_admin"

    def ready(self) -> None:
        from panta_admin import celery  # noqa: F401  # `shared_task` looks for the current app
