"""The HTTP API: usage in, numbers out. Key-authenticated, documented by OpenAPI, every error a problem document.

Routes are whole paths, so that the one document names them as clients call them. Apps above add their routers to `api`
before it is mounted.
"""
