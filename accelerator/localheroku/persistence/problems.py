"""What can go wrong with the place where a platform keeps its state."""


class DataUnusable(Exception):
    """The directory given for the platform's data cannot be used; the text says why."""


class NotKept(Exception):
    """Changes could not be written, for want of space for example; they are not forgotten."""
