"""Readers of the corpora that the papers use: a list in, `Listing` of `Trial`s out."""
