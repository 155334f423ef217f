# The production image: one for web, worker, beat and migrate; the command says which.
FROM node:22-slim AS browser
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts

FROM python:3.13-slim AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements.lock ./
RUN python -m venv /venv && /venv/bin/pip install --quiet --require-hashes --only-binary :all: -r requirements.lock

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /app panta
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DJANGO_SETTINGS_MODULE=panta_admin.settings
WORKDIR /app
COPY --from=packages /venv /venv
COPY --from=browser /build/node_modules node_modules
COPY manage.py ./
COPY panta_admin panta_admin
COPY tokenlimits tokenlimits
COPY analytics analytics
COPY usermgmt usermgmt
COPY templates templates
COPY static static
COPY locale locale
RUN python -m panta_admin.catalogues
# Collecting asks no server; these values live for this one step only.
RUN SECRET_KEY=only-while-the-image-is-built-0123456789 ALLOWED_HOSTS=localhost DATABASE_URL=postgresql://build@localhost/build \
    REDIS_URL=redis://localhost:6379/0 python manage.py collectstatic --noinput --verbosity 0
USER panta
EXPOSE 8000
# Two processes of four threads serve about eight pages at once; the heartbeat file lives in memory.
CMD ["gunicorn", "panta_admin.wsgi", "--config=python:panta_admin.serving", "--bind=0.0.0.0:8000", "--workers=2", "--threads=4", \
     "--worker-tmp-dir=/dev/shm", "--max-requests=10000", "--max-requests-jitter=1000"]
