"""A database engine of Django's; `base` is the name that Django asks for."""
