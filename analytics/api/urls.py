"""Every address of the API. Mounted last of all apps' routers, at the root of the site."""

from django.urls import path

from analytics.api import deliver, docs, ground, traces, usage

ground.api.add_router("", deliver.router)
ground.api.add_router("", traces.router)
ground.api.add_router("", usage.router)
ground.OWN_FORMS[traces.PATH] = traces.answer


def patterns() -> list[object]:
    """Called once, when every app has added its router."""
    return [
        *ground.api.patterns(),
        path("api/v1/openapi.json", ground.openapi, name="openapi"),
        path("api/docs/", docs.page, name="api-docs"),
        path("api/<path:rest>", ground.nowhere),
        path("v1/<path:rest>", ground.nowhere),
    ]
