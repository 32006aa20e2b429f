"""What is done about what detectors find: a question before it leaves, an answer before it is given."""
