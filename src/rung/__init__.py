"""Rung finds the cheapest way to make a language model do your task, and proves it."""
