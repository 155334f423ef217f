from django.apps import AppConfig


class UsermgmtConfig(AppConfig):
    name = "usermgmt"
    verbose_name = "User management"
