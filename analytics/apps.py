from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    name = "analytics"
    verbose_name = "Analytics"

    def ready(self) -> None:
        from analytics import labels
        from analytics.metrics import person
        from usermgmt import usage

        usage.register(person)
        labels.register()
