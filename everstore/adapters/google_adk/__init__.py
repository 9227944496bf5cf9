"""Google ADK: sessions, state and artifacts in an everstore ``Store``.

    async with everstore.open_store() as store:
        runner = Runner(
            app_name="app",
            agent=agent,
            session_service=EverstoreSessionService(store),
            artifact_service=EverstoreArtifactService(store),
        )

A session of ADK's is a session of the store, with the labels ``app``, ``user`` and ``session``. What all
sessions of an app or of a user share is in a session with the labels that name those. Artifacts are files of
sessions of their own.
"""

from everstore.installing import extra

with extra("google-adk"):
    from everstore.adapters.google_adk.artifacts import EverstoreArtifactService
    from everstore.adapters.google_adk.sessions import EverstoreSessionService

__all__ = ["EverstoreArtifactService", "EverstoreSessionService"]
