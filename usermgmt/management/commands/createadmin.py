"""`manage.py createadmin EMAIL`: the first administrator of a workspace, or one more. Creates only."""

from __future__ import annotations

import sys
from getpass import getpass
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils import timezone

from usermgmt import audit
from usermgmt.models import Action, Role, User, normalize_email


class Command(BaseCommand):
    help = "Creates an administrator who signs in with an email address and a password."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="the address to sign in with")
        parser.add_argument("--name", default="", help="the name to show (default: the address up to the @)")
        parser.add_argument(
            "--password-stdin",
            action="store_true",
            help="read the password from the first line of standard input instead of asking for it twice",
        )

    def handle(self, *args: Any, email: str, name: str, password_stdin: bool, **options: Any) -> None:
        email = _checked_email(email)
        draft = User(email=email, name=name.strip() or email.partition("@")[0], role=Role.ADMINISTRATOR)
        password = _piped_password() if password_stdin else _asked_password()
        _check_password(password, draft)
        _create(draft, password)
        self.stdout.write(self.style.SUCCESS(f"{email} is an administrator and can sign in now."))


def _checked_email(text: str) -> str:
    email = normalize_email(text)
    try:
        validate_email(email)
        User._meta.get_field("email").run_validators(email)
    except ValidationError as error:
        raise CommandError(f"Not an email address: {text}") from error
    if User.objects.filter(email=email).exists():
        raise CommandError(_taken(email))
    return email


def _piped_password() -> str:
    return sys.stdin.readline().rstrip("\r\n")


def _asked_password() -> str:
    if not sys.stdin.isatty():
        raise CommandError("There is no terminal to ask for the password; pipe it in with --password-stdin.")
    password = getpass("Password: ")
    if getpass("Password, again: ") != password:
        raise CommandError("The two passwords differ; nobody was created.")
    return password


def _check_password(password: str, draft: User) -> None:
    if not password:
        raise CommandError("The password is empty; nobody was created.")
    try:
        validate_password(password, draft)
    except ValidationError as error:
        raise CommandError("The password was refused. " + " ".join(error.messages)) from error


def _create(draft: User, password: str) -> None:
    try:
        with transaction.atomic():
            made = User.objects.create_person(
                draft.email, draft.name, password, role=Role.ADMINISTRATOR, joined_at=timezone.now()
            )
            before, after = {"role": Role.USER}, {"role": Role.ADMINISTRATOR}
            audit.record(None, Action.ROLE_CHANGED, person=made, before=before, after=after)
    except IntegrityError as error:  # somebody else was faster
        raise CommandError(_taken(str(draft.email))) from error


def _taken(email: str) -> str:
    return f"{email} belongs to somebody already; nobody was created or changed."
