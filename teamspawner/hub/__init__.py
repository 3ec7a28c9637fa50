"""TeamSpawner itself: list, enforce, start, explain."""
