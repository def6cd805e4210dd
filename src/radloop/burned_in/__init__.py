"""Text in the pixels of one picture: where it may stand, what it says, and the picture without it."""

from radloop.burned_in.search import Found, Unsure, blank, search
from radloop.burned_in.tesseract import Unreadable

__all__ = ["Found", "Unreadable", "Unsure", "blank", "search"]
