"""A guestbook: visitors leave a line."""

TITLE = "Guestbook"
