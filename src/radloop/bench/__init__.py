"""`radloop bench`: how long each job takes and how much memory, and what radloop costs beside the plain alternative."""
