"""The weights that ship, and the store that finds, checks and opens weights."""
