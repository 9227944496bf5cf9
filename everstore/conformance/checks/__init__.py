"""The checks, one module a family; importing a module registers its checks."""
