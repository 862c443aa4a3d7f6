"""What `--data` keeps, and how it is read again."""
