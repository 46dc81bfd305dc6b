"""The story page: one picture in three linked parts, and eight cards that drive it."""

from .story_page import story_html

__all__ = ["story_html"]
