"""One file a recipe: what is trained, on what, how, and what came out."""
