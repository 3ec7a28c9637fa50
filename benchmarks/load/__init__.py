"""A real hub under load: a rush to the spawn page, a class that starts at once, open pages."""
