"""How tests reach a service on their own machine."""

# For httpx's `verify`. It would read all certificates of the world for each client: that takes
# longer than most tests, and no address of a test begins with https.
WITHOUT_TLS = False
