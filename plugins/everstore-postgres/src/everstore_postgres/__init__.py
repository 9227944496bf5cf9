"""everstore on PostgreSQL: ``EVERSTORE_BACKEND=postgres``, ``EVERSTORE_POSTGRES_URL=postgresql://...``."""
