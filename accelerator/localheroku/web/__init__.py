"""The HTTP side: conventions around every answer, the table of endpoints, Heroku's JSON."""
