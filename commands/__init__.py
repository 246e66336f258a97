"""What the command line does, one noun a file, each loaded when a command of its own is run.

`commands/parser.py` knows all commands and loads none.
"""
