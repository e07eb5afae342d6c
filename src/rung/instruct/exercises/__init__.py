"""The families of exercises, one theme a file."""
