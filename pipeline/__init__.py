"""The front: runs a study's stages in order, brings the base model, starts and stops the server."""
