"""What people and programs are told: the talk on stderr, and one result on stdout.

Each noun has a file with its JSON document, its text and its blank document, which has the same
keys with nothing in them. What several of them share is in `parts` and `timings`.
"""
