"""Pages of people: their own profile and security, and user management for administrators."""
