"""HTTP within limits: every request ends in time, every answer has an end."""
