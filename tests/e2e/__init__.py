"""A package, so that fixtures of that scope end with its last test: Playwright leaves no room for other event loops."""
