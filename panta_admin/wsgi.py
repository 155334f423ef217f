"""The WSGI entry point that gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "panta_admin.settings")
os.environ.setdefault("STATEMENT_TIMEOUT_MS", "15000")  # a page nobody waits for any more must not load the database
application = get_wsgi_application()
