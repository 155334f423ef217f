"""What answers HTTP: the Analytics page with its fragments, Refresh, and the export."""
