"""The only package that talks to Heroku; nothing of heroku3 or requests leaves it."""

from accelerator.heroku.client import Heroku
from accelerator.heroku.usage import Usage

__all__ = ["Heroku", "Usage"]
