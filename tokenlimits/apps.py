from django.apps import AppConfig


class TokenLimitsConfig(AppConfig):
    name = "tokenlimits"
    verbose_name = "Token limits"

    def ready(self) -> None:
        from tokenlimits import labels, letters

        letters.register()
        labels.register()
