"""How to speak: gateway, client, command line, web console."""
