"""What each field and mutation does; knows no GraphQL. Reads go through batch functions, writes
through units.
"""
