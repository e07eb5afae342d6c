"""The embedded base model: a Hugging Face folder. How it was made, and from what, is in README.md beside this file."""
