"""How fast the shipped YAMLs train, and in how much memory, at a real model's shape with random weights."""
