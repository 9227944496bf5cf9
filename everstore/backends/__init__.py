"""Backends that ship with everstore; each is an ordinary plugin."""
