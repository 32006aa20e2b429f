"""Small protocols between the pipeline and the world."""
