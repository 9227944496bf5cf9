"""``everstore tour``: a real tree imported into a session, and worked in as an agent would."""
