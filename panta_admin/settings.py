"""Every setting of the project, in one file. What differs by host is read from the environment (see README).

Loud by design: a missing secret, a wildcard host or an open Redis stops the start (see `_refuse`).
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import environ
import structlog
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from analytics.masking import masked

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()


def _refuse(condition: bool, message: str) -> None:
    if condition:
        raise ImproperlyConfigured(message)


# --- Host ---------------------------------------------------------------------------------------------------------
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="")
_refuse(len(SECRET_KEY) < 32, "Set SECRET_KEY to at least 32 random characters.")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[])
_refuse(not ALLOWED_HOSTS, "Set ALLOWED_HOSTS to the host names that browsers use, comma-separated.")
_refuse("*" in ALLOWED_HOSTS, "ALLOWED_HOSTS must name the hosts; '*' is refused.")
BASE_URL = env.str(
    "BASE_URL", default="http://localhost:8000"
)  # mail links start with it, whatever the Host header says
BEHIND_TLS = BASE_URL.startswith("https://")
CSRF_TRUSTED_ORIGINS = [BASE_URL] if BEHIND_TLS else []
WORKSPACE_NAME = env.str("WORKSPACE_NAME", default="PANTA OS")

# --- Applications -------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "panta_admin",
    "usermgmt",
    "analytics",
    "tokenlimits",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.usersessions",
    "django_htmx",
    "template_partials",
    "heroicons",
    "csp",
    "django_structlog",
]
# Default deny stands before all that looks at the URL (missing slash, CSRF): a refusal must not say what exists.
MIDDLEWARE = [
    "panta_admin.observe.DurationMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "panta_admin.middleware.KeyDoorMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "panta_admin.middleware.RequestLogMiddleware",
    "panta_admin.middleware.DefaultDenyMiddleware",
    "panta_admin.middleware.OwnLanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "usermgmt.middleware.LastSeenMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "panta_admin.urls"
WSGI_APPLICATION = "panta_admin.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "panta_admin.shell.shell",
            ],
        },
    }
]

# --- Database -----------------------------------------------------------------------------------------------------
DATABASE_URL = env.str("DATABASE_URL", default="")
_refuse(not DATABASE_URL, "Set DATABASE_URL to the PostgreSQL database.")
_refuse(
    urlsplit(DATABASE_URL).scheme not in ("postgres", "postgresql"),
    "DATABASE_URL must be a PostgreSQL address (postgresql://…): rollups rely on its SQL.",
)
# 0 is no limit: right for workers and commands. The web role gives up on a runaway question (wsgi.py sets 15 s).
STATEMENT_TIMEOUT_MS = env.int("STATEMENT_TIMEOUT_MS", default=0)
_SESSION = {
    "statement_timeout": STATEMENT_TIMEOUT_MS,
    "synchronous_commit": "on",  # accepted means on disk, whatever the server or a role prefers
    "jit": "off",
    # For what analytics.models.statements prepares. Foreign keys are checked by kept plans, too: see usermgmt.plans.
    "plan_cache_mode": "force_generic_plan",
}
_database = env.db_url_config(DATABASE_URL)
_options = _database.pop("OPTIONS", {})
DATABASES = {
    "default": {
        **_database,
        "ENGINE": "panta_admin.postgresql",
        "HOST": _options.pop("host", _database["HOST"]),  # a unix socket's folder can only travel as ?host=
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": 5,
            **_options,
            "options": " ".join(f"-c {name}={value}" for name, value in _SESSION.items()),
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Redis: broker and cache of reports (analytics.cache); losing it costs freshness only ---------------------------
REDIS_URL = env.str("REDIS_URL", default="")
_refuse(not REDIS_URL, "Set REDIS_URL to the Redis or Valkey server.")
_redis = urlsplit(REDIS_URL)
_refuse(_redis.scheme not in ("redis", "rediss", "unix"), "REDIS_URL must begin with redis://, rediss:// or unix://.")
_refuse(
    _redis.scheme != "unix" and not _redis.password and _redis.hostname not in ("localhost", "127.0.0.1", "::1"),
    "REDIS_URL names a server on the network without a password; give it one (redis://:PASSWORD@host:6379/0).",
)
CACHES = {
    # Sign-in limits count here, and sign-in must work without Redis.
    # Room for many: a full cache throws counters away, and whoever can fill it would be rid of the limits.
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    },
}

# --- Usage comes in -----------------------------------------------------------------------------------------------
# Deliveries that one web process works on at a time: fewer than its threads, so that pages always find one.
INGEST_CONCURRENCY = env.int("INGEST_CONCURRENCY", default=3)
_refuse(INGEST_CONCURRENCY < 1, "INGEST_CONCURRENCY must be at least 1.")

# --- Sign-in ------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "usermgmt.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "usermgmt.password_rules.UnlikeThePersonValidator",
        "OPTIONS": {"user_attributes": ("email", "name")},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
ACCOUNT_ADAPTER = "usermgmt.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "usermgmt.forms.LoginForm",
    "reset_password": "usermgmt.forms.ResetPasswordForm",
    "reset_password_from_key": "usermgmt.forms.ResetPasswordKeyForm",
    "reauthenticate": "usermgmt.forms.ReauthenticateForm",
    "change_password": "usermgmt.forms.ChangePasswordForm",
}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_NOTIFICATIONS = True  # a changed password is told to its owner
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300  # seconds
ACCOUNT_SESSION_REMEMBER = True
MFA_ADAPTER = "usermgmt.second_factor.SecondFactorAdapter"
MFA_FORMS = {
    "authenticate": "usermgmt.second_factor_forms.AuthenticateForm",
    "reauthenticate": "usermgmt.second_factor_forms.ReauthenticateForm",
    "activate_totp": "usermgmt.second_factor_forms.ActivateTotpForm",
    "add_webauthn": "usermgmt.second_factor_forms.AddPasskeyForm",
    "edit_webauthn": "usermgmt.second_factor_forms.RenamePasskeyForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ALLOW_UNVERIFIED_EMAIL = True  # addresses are an administrator's word here, proven by the invitation
MFA_TOTP_TOLERANCE = 1  # periods of 30 s before and after: clocks differ, and people type slowly
MFA_RATE_LIMITS = {"webauthn_login": "60/m/ip"}
# OpenID Connect: without an issuer, sign-on is nowhere shown. The issuer is part of whom an account belongs to:
# after a change of provider nobody gets in by a `sub` that meant somebody else.
OIDC_ISSUER = env.str("OIDC_ISSUER", default="")
OIDC_NAME = env.str("OIDC_NAME", default="") or "Single sign-on"
OIDC_CLIENT_ID = env.str("OIDC_CLIENT_ID", default="")
OIDC_CLIENT_SECRET = env.str("OIDC_CLIENT_SECRET", default="")
_issuer = urlsplit(OIDC_ISSUER)
_refuse(
    bool(OIDC_ISSUER) and _issuer.scheme != "https" and _issuer.hostname not in ("localhost", "127.0.0.1", "::1"),
    "OIDC_ISSUER must begin with https://.",
)
_refuse(len(OIDC_ISSUER) > 200, "OIDC_ISSUER is longer than 200 characters.")
_refuse(bool(OIDC_ISSUER) and not OIDC_CLIENT_ID, "Set OIDC_CLIENT_ID to the client that the provider knows us by.")
SOCIALACCOUNT_ADAPTER = "usermgmt.sign_on.SignOnAccountAdapter"
SOCIALACCOUNT_PROVIDERS = {
    "sign_on": {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": OIDC_ISSUER.rstrip("/"),
                "name": OIDC_NAME,
                "client_id": OIDC_CLIENT_ID,
                "secret": OIDC_CLIENT_SECRET,
                "settings": {"server_url": OIDC_ISSUER.rstrip("/"), "fetch_userinfo": False},
            }
        ]
        if OIDC_ISSUER
        else [],
    }
}
# How many proxies stand before us: limits per address then count the visitor's address, not the proxy's.
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=0)
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
SESSION_COOKIE_NAME = "__Host-session" if BEHIND_TLS else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if BEHIND_TLS else "csrf"
MESSAGES_COOKIE_NAME = "__Host-messages" if BEHIND_TLS else "messages"
MESSAGE_STORAGE = "panta_admin.notices.NoticeStorage"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_TLS
SESSION_COOKIE_AGE = 14 * 24 * 3600

# --- Mail ---------------------------------------------------------------------------------------------------------
vars().update(env.email("EMAIL_URL", default="consolemail://"))
EMAIL_TIMEOUT = 10  # seconds
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("EMAIL_FROM", default="PANTA OS <panta@localhost>")

# --- Headers ------------------------------------------------------------------------------------------------------
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS else None
SECURE_SSL_REDIRECT = BEHIND_TLS
SECURE_REDIRECT_EXEMPT = [r"^health/"]
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_TLS else 0
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    }
}

# --- Language, time, files ------------------------------------------------------------------------------------------
LANGUAGE_CODE = env.str("LANGUAGE_CODE", default="en")
LANGUAGES = [("en", _("English")), ("de", _("German"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
# Remembers the language for pages before sign-in; signed in, the person's own language counts.
LANGUAGE_COOKIE_NAME = "__Host-language" if BEHIND_TLS else "language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SECURE = BEHIND_TLS
USE_I18N = True
USE_TZ = True
TIME_ZONE = REPORTING_TIME_ZONE = env.str("REPORTING_TIME_ZONE", default="UTC")
ZoneInfo(REPORTING_TIME_ZONE)  # an unknown zone stops the start
STATIC_URL = "/static/"
STATIC_ROOT = env.path("STATIC_ROOT", default=str(BASE_DIR / "staticfiles"))()
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "panta_admin.staticfinder.PlotlyFinder",
]
WHITENOISE_ALLOW_ALL_ORIGINS = False
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# --- Logs: one JSON object a line -----------------------------------------------------------------------------------
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")


def _without_keys(_logger: object, _method: str, line: str) -> str:
    """Addresses are logged with their query, and somebody will put a key there."""
    return masked(line)


LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
                _without_keys,
            ],
            "foreign_pre_chain": [
                structlog.stdlib.add_log_level,
                structlog.processors.TimeStamper(fmt="iso"),
                structlog.processors.format_exc_info,
            ],
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
}
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.filter_by_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
