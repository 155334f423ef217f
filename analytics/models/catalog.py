"""Assistants and workflows: the things that usage names. Created by hand-over or from the first event."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class CatalogItem(models.Model):
    """`key` is how usage names the item (the platform's id, else the name) and never changes; `name` may."""

    key = models.CharField(max_length=200, unique=True)
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())
    archived_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True
        indexes = (
            models.Index(fields=["updated_at"], name="%(class)s_updated"),
            models.Index(
                fields=["id"], condition=Q(archived_at__isnull=True, deleted_at__isnull=True), name="%(class)s_live"
            ),
        )

    def __str__(self) -> str:
        return self.name


class Assistant(CatalogItem):
    class Meta(CatalogItem.Meta):
        db_table = "assistant"


class Workflow(CatalogItem):
    class Meta(CatalogItem.Meta):
        db_table = "workflow"
