"""Three views of one report: console, JSON document, timing table."""
