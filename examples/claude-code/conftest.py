from support import client, server, start

__all__ = ["client", "server", "start"]
