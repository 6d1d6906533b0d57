"""The session, its calls and their errors: the only importer of aiohttp's client."""
