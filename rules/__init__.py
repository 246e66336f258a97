"""What the program decides: pure functions over frozen values; no session, no clock, no library."""
