from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in


class UsermgmtConfig(AppConfig):
    name = "usermgmt"
    verbose_name = "User management"

    def ready(self) -> None:
        from usermgmt import sessions

        user_logged_in.connect(sessions.remember, dispatch_uid="usermgmt.sessions.remember")
