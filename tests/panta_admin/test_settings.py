"""Settings fail loudly, name what they read, and nothing but that."""

from __future__ import annotations

import ast
import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.leaks import lines

PROJECT = Path(__file__).resolve().parents[2]
COMPLETE = {
    "SECRET_KEY": "s" * 40,
    "ALLOWED_HOSTS": "admin.example.com",
    "DATABASE_URL": "postgresql://panta:secret@db.example.com/panta",
    "REDIS_URL": "redis://:secret@redis.example.com:6379/0",
}
PROBE = "from panta_admin import settings; print({expression})"


def load(show: str = "'loaded'", /, **changes: str | None) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter that reads settings in an environment of exactly these variables."""
    environment = {name: value for name, value in {**COMPLETE, **changes}.items() if value is not None}
    return subprocess.run(
        [sys.executable, "-c", PROBE.format(expression=show)],
        env={"PATH": os.environ["PATH"], **environment},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_complete_environment_is_accepted() -> None:
    assert load().stdout.strip() == "loaded"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"SECRET_KEY": None}, "Set SECRET_KEY"),
        ({"SECRET_KEY": "short"}, "at least 32 random characters"),
        ({"ALLOWED_HOSTS": None}, "Set ALLOWED_HOSTS"),
        ({"ALLOWED_HOSTS": "*"}, "'*' is refused"),
        ({"ALLOWED_HOSTS": "admin.example.com,*"}, "'*' is refused"),
        ({"DATABASE_URL": None}, "Set DATABASE_URL"),
        ({"DATABASE_URL": "sqlite:///panta.db"}, "must be a PostgreSQL address"),
        ({"DATABASE_URL": "mysql://panta@localhost/panta"}, "must be a PostgreSQL address"),
        ({"REDIS_URL": None}, "Set REDIS_URL"),
        ({"REDIS_URL": "redis://redis.example.com:6379/0"}, "without a password"),
        ({"REDIS_URL": "rediss://redis.example.com:6379/0"}, "without a password"),
        ({"REDIS_URL": "redis://10.0.0.5:6379/0"}, "without a password"),
        ({"REDIS_URL": "amqp://localhost"}, "must begin with redis://"),
        ({"OIDC_ISSUER": "http://id.example.com", "OIDC_CLIENT_ID": "panel"}, "must begin with https://"),
        ({"OIDC_ISSUER": "https://id.example.com"}, "Set OIDC_CLIENT_ID"),
        ({"REPORTING_TIME_ZONE": "Mars/Olympus_Mons"}, "Mars/Olympus_Mons"),
    ],
)
def test_a_dangerous_environment_stops_the_start(changes: dict[str, str | None], message: str) -> None:
    result = load(**changes)
    assert result.returncode != 0
    assert message in result.stderr.splitlines()[-1]


@pytest.mark.parametrize("url", ["redis://localhost:6379/0", "redis://127.0.0.1/0", "redis://[::1]/0", "unix:///run/r"])
def test_redis_on_this_machine_needs_no_password(url: str) -> None:
    assert load(REDIS_URL=url).stdout.strip() == "loaded"


def test_sign_on_is_there_once_an_issuer_is_set() -> None:
    apps = "[(a['provider_id'], a['name']) for a in settings.SOCIALACCOUNT_PROVIDERS['sign_on']['APPS']]"
    assert load(apps).stdout.strip() == "[]"
    result = load(apps, OIDC_ISSUER="https://id.example.com/", OIDC_CLIENT_ID="panel", OIDC_NAME="Acme ID")
    assert result.stdout.strip() == "[('https://id.example.com', 'Acme ID')]"


def test_a_database_behind_a_unix_socket_keeps_its_folder_and_options() -> None:
    expression = "settings.DATABASES['default']['HOST'], settings.DATABASES['default']['OPTIONS']['application_name']"
    result = load(expression, DATABASE_URL="postgresql://panta@/panta?host=/run/Pg&application_name=web")
    assert result.stdout.strip() == "/run/Pg web"


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [("https://admin.example.com", "True __Host-session 31536000"), ("http://localhost:8000", "False session 0")],
)
def test_cookies_and_hsts_follow_the_base_url(base_url: str, expected: str) -> None:
    parts = "settings.SESSION_COOKIE_SECURE, settings.SESSION_COOKIE_NAME, settings.SECURE_HSTS_SECONDS"
    assert load(f"*({parts})", BASE_URL=base_url).stdout.strip() == expected


@pytest.mark.parametrize(("base_url", "is_so"), [("https://admin.example.com", True), ("http://localhost:8000", False)])
def test_behind_tls_every_cookie_is_of_this_host_alone(base_url: str, is_so: bool) -> None:
    names = "SESSION", "CSRF", "LANGUAGE", "MESSAGES"
    parts = ", ".join(f"settings.{name}_COOKIE_NAME.startswith('__Host-')" for name in names)
    secure = "settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE, settings.LANGUAGE_COOKIE_SECURE"
    assert load(f"{{{parts}, {secure}}}", BASE_URL=base_url).stdout.strip() == str({is_so})


def test_only_the_web_role_limits_statements() -> None:
    script = "from panta_admin import wsgi; from django.conf import settings; print(settings.STATEMENT_TIMEOUT_MS)"
    result = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **COMPLETE},
        cwd=PROJECT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert result.stdout.strip() == "15000"
    assert load("settings.STATEMENT_TIMEOUT_MS").stdout.strip() == "0"


def read_by_settings() -> set[str]:
    """Every variable name that settings.py hands to `env.…(NAME)`."""
    tree = ast.parse((PROJECT / "panta_admin" / "settings.py").read_text())
    calls = (
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("env.")
    )
    first = (argument for call in calls for argument in call.args[:1])
    return {str(argument.value) for argument in first if isinstance(argument, ast.Constant)}


def offered_by_the_example() -> set[str]:
    return set(re.findall(r"^([A-Z_]+)=", (PROJECT / ".env.example").read_text(), re.MULTILINE))


def test_the_example_names_every_variable_and_no_other() -> None:
    only_compose = {"POSTGRES_PASSWORD", "REDIS_PASSWORD", "WEB_ADDRESS"}
    assert offered_by_the_example() == read_by_settings() | only_compose


def test_compose_hands_on_what_the_example_offers() -> None:
    compose = (PROJECT / "docker-compose.yml").read_text()
    made_there = {"DATABASE_URL", "REDIS_URL"}
    fixed_in_the_image = {"STATIC_ROOT", "STATEMENT_TIMEOUT_MS", "DEBUG"}
    missing = {
        name for name in offered_by_the_example() - made_there - fixed_in_the_image if f"${{{name}" not in compose
    }
    assert missing == set()


def test_a_logged_error_says_where_it_happened_and_never_a_key() -> None:
    key = f"panta_{'k' * 43}"
    try:
        raise ValueError(f"not {key}")
    except ValueError:
        record = logging.LogRecord("django", logging.ERROR, __file__, 1, "It failed", None, sys.exc_info())
    (line,) = lines([record])
    said = json.loads(line)
    assert said["event"] == "It failed"
    assert said["exception"].startswith("Traceback")
    assert "raise ValueError(" in said["exception"]
    assert key not in line
