"""The cellar: clean text, a tokenizer, and a base model trained from nothing."""
