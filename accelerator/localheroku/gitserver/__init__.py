"""Git over HTTP, with the build inside the push."""
