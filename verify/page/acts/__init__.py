"""The story page: one picture in three linked parts, and eight cards that drive it."""

from .cards import card_of
from .story_page import story_html

__all__ = ["card_of", "story_html"]
