"""The web page: static files that the gateway serves."""
