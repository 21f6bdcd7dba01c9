"""The planted world: invented people, a small model that knows them, and adapters whose truth is known."""
