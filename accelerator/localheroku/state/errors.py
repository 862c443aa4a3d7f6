"""Refusals in Heroku's words."""


class Refused(Exception):
    """Refuse a request with Heroku's status, error id and message."""

    def __init__(self, status: int, id: str, message: str, **details: str) -> None:
        super().__init__(message)
        self.status = status
        self.id = id
        self.message = message
        self.details = details

    @property
    def body(self) -> dict[str, str]:
        """Return the JSON body Heroku would send."""
        return {"id": self.id, "message": self.message, **self.details}


def missing(resource: str) -> Refused:
    """Return the refusal for something that does not exist."""
    words = resource.replace("_", " ")
    return Refused(404, "not_found", f"Couldn't find that {words}.", resource=resource)


def invalid(message: str) -> Refused:
    """Return the refusal for parameters that make no sense."""
    return Refused(422, "invalid_params", message)


def forbidden(message: str) -> Refused:
    """Return the refusal for something the key may not do."""
    return Refused(403, "forbidden", message)
