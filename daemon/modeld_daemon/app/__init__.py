"""The composition root: reads the settings, builds the house, keeps it, leaves."""
